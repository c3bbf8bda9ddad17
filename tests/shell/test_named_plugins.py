"""Errors name the plugin, its strategy or its sampler, and the line of its code."""

import dataclasses
import importlib
from types import ModuleType

import pytest

import seqshell
from seqshell.core.errors import PluginError
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_model

PLACED = """
import dataclasses, seqshell

@dataclasses.dataclass(frozen=True)
class Late:
    name = "late"
    position: int = 0
    def __call__(self, logits, context):
        if context.position >= self.position:
            raise ValueError("late")
        return logits

@seqshell.hookimpl
def seqshell_samplers():
    yield Late
"""


def test_an_error_names_file_and_line_of_the_plugin_and_says_what_is_still_valid(tmp_path, monkeypatch):
    """Before a token was shown, the session is restored; afterwards, what was shown is kept."""
    (tmp_path / "blames.py").write_text(PLACED)
    monkeypatch.syspath_prepend(tmp_path)
    shell = shell_for(tiny_model(), plugins=[importlib.import_module("blames")])
    found = {}
    for position in (0, 5):
        list(shell.handle(f"/sampler late={position}"))
        with pytest.raises(PluginError) as caught:
            list(shell.handle("abc"))
        found[position] = caught.value.message, caught.value.remains, caught.value.hint, shell.session.position

    failed = "the sampler late of the plugin blames failed: ValueError: late (blames.py, line 10)"
    removes = "/sampler -late removes it"
    before, after = "the session is as before this line", "what was shown is kept, /undo undoes it"
    assert found == {
        0: (failed, before, f"{before}; {removes}", 0),
        5: (failed, after, f"{after}; {removes}", 5),
    }


@dataclasses.dataclass(frozen=True)
class Short:
    """A strategy that ends on its own after two tokens, without END."""

    name = "short"
    streams = True

    def search(self, decoder, start, request):
        outputs, state = start.outputs, start.state
        for _ in range(2):
            tokens = outputs.argmax(1)
            outputs, state = decoder.step(tokens, state)
            yield seqshell.Advanced(tokens, state, outputs, start.memories)


@dataclasses.dataclass(frozen=True)
class Temperature:
    """A sampler with the name of a built-in one."""

    name = "temperature"
    degrees: float = 1.0

    def __call__(self, logits, context):
        return logits


def no_words(shell, text):
    raise ValueError("no words")


def test_a_search_that_ends_too_early_names_its_strategy():
    module = ModuleType("zoo")
    module.seqshell_strategies = seqshell.hookimpl(lambda: [Short], specname="seqshell_strategies")
    shell = shell_for(tiny_model(), plugins=[module])
    list(shell.handle("/strategy short"))
    with pytest.raises(PluginError, match="ended after 2 steps; it must yield an Advanced for each token") as caught:
        list(shell.handle("abc"))

    assert (shell.session.position, caught.value.remains) == (5, "what was shown is kept, /undo undoes it")


def test_a_shown_chain_names_the_owner_of_an_ambiguous_sampler():
    module = ModuleType("zoo")
    module.seqshell_samplers = seqshell.hookimpl(lambda: [Temperature], specname="seqshell_samplers")
    shell = shell_for(tiny_model(), plugins=[module])
    chain = "zoo/temperature=0.5 temperature=0.7"
    list(shell.handle(f"/sampler {chain}"))

    assert [event.text for event in shell.handle("/sampler")] == [chain]


def test_a_completion_that_fails_is_in_the_log_once(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    module = ModuleType("zoo")
    command = seqshell.command("faulty", complete=no_words)(lambda shell, arguments: iter(()))
    module.seqshell_commands = seqshell.hookimpl(lambda: [command], specname="seqshell_commands")
    shell = shell_for(tiny_model(), plugins=[module])
    for _ in range(2):
        assert complete(shell, "/faulty ").items == ()

    assert (tmp_path / "log").read_text().count("Traceback") == 1
    assert "failed: ValueError: no words" in next(iter(shell.handle("/plugins --errors"))).text
