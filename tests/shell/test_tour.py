"""/tour shows one thing from each task, leaves out models that are missing, and does not touch your own sessions."""

import pytest
from tests.shell.sending import send

from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.events import Attention, Finished, Forecast, Label, Score, SettingChanged, Steps, Top, Translation
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.commands.tour import tour_lines
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_checkpoint
from seqshell.testing.shell import shell_for

LETTERS = "\n" + "".join(map(chr, range(32, 127)))


@pytest.fixture
def shipped():
    """A shell with the models that ship."""
    shell = Shell(load_registry(Policy(plugins=())))
    shell.open("shakespeare")
    shell.settings.set("max_tokens", "20")
    return shell


@pytest.fixture
def shell(folder, monkeypatch):
    """A shell that has one model of the tour, shakespeare; another one is current."""
    monkeypatch.setattr(paths, "shipped", lambda: folder / "nothing ships")
    models = paths.folder("models")
    models.mkdir(parents=True)
    tiny_checkpoint(models / "one.safetensors", LETTERS)
    tiny_checkpoint(models / "shakespeare.safetensors", LETTERS, defaults={"max_tokens": 12})
    shell = shell_for()
    shell.open("one")
    return shell


def commands(lines):
    return [line for text in lines for line in text.split("\n") if not line.startswith("/#")]


def test_the_tour_generates_translates_classifies_and_forecasts(shipped):
    events = send(shipped, "/tour")
    kinds = [type(event) for event in events]

    for kind in (Finished, Top, Translation, Attention, Label, Forecast):
        assert kind in kinds
    assert Score not in kinds
    assert [event.value for event in events if isinstance(event, SettingChanged)] == [True, "off"]
    assert next(event.answer for event in events if isinstance(event, Translation)) == "Je t'aime."
    assert next(event for event in events if isinstance(event, Label)).moved
    assert (shipped.workspace.current, shipped.session.branch, shipped.session.position) == ("shakespeare", "main", 0)


def test_the_tour_leaves_sessions_and_settings_as_they_were(shipped):
    send(shipped, "Hello", "/set surprisal on", "/load english-french", "good night", "/load names", "Yamamoto")
    sessions = shipped.workspace.sessions
    before = {name: (session.branch, session.ids()) for name, session in sessions.items()}
    send(shipped, "/tour")

    assert {name: (sessions[name].branch, sessions[name].ids()) for name in before} == before
    assert shipped.workspace.current == "names"
    assert shipped.settings.get("surprisal") is True


def test_the_tour_runs_twice_and_leaves_out_what_is_not_installed(shell):
    send(shell, "Hello", "/tour", "/tour")

    assert shell.workspace.current == "one"
    lines = list(tour_lines(shell))
    assert "/# Left out, because it is not installed: english-french, sentiment, oil-temperature." in lines
    assert not any("/translate" in line or "/forecast" in line for line in lines)


def test_the_colours_of_a_unit_come_back_after_the_tour(shell):
    send(shell, "/set color neuron 0[0,1]")
    lines = commands(tour_lines(shell))

    assert "/set color off" in lines  # of a model that may not have the unit
    assert lines[-2:] == ["/load one", "/set color neuron 0[0,1]"]


def test_without_any_of_its_models_the_tour_says_so(shell):
    (paths.folder("models") / "shakespeare.safetensors").unlink()
    with pytest.raises(UsageError, match="the tour needs one of the models shakespeare, english-french"):
        send(shell, "/tour")


def test_your_own_text_is_put_aside_on_its_branch(shell):
    send(shell, "/load shakespeare", "Hello", "/branch mine")
    lines = commands(tour_lines(shell))

    assert lines[:3] == ["/branch", "/reset", "ROMEO:"]
    assert lines[-1] == "/checkout mine"


def test_the_tour_fits_into_sixty_columns(shipped):
    shipped.interactive = True
    (steps,) = send(shipped, "/tour")

    assert isinstance(steps, Steps)
    assert steps.name == "/tour"
    assert max(map(len, steps.lines)) <= 64  # with the four characters of `/# ` and the prompt
    assert len([line for line in steps.lines if not line.startswith("/#")]) == 14
