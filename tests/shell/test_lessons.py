"""/lesson lists and runs the lessons, which show what they say and leave the sessions as they were."""

from __future__ import annotations

import pytest
from tests.shell.sending import fails, only, send

from seqshell.core import paths
from seqshell.core.events import (
    Alternatives,
    Beams,
    ColouredText,
    Finished,
    Gates,
    GradientLags,
    Label,
    Reach,
    Steps,
    Table,
    Token,
    Top,
    Translation,
)
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.commands.lesson import FOLDER, LESSONS, lesson_lines, lesson_words
from seqshell.shell.shell import Shell
from seqshell.training.data import synthetic


@pytest.fixture(scope="module")
def registry():
    return load_registry(Policy(plugins=()))


@pytest.fixture(scope="module")
def used(registry):
    """A shell whose models have read something, on a branch, with a strategy of its own."""
    shell = Shell(registry)
    send(shell, "/load shakespeare", "/set max_tokens 60", "/feed Hello", "/branch mine", "/feed you")
    send(shell, "/set surprisal on", "/load english-french", "/strategy beam width=5", "good night", "/load names")
    return shell


@pytest.fixture(scope="module")
def taken(used):
    """The events of each lesson that uses models that ship, in a shell that is used, by name; and its places."""
    found, places = {}, [place(used)]
    for name in ("gates", "sampling", "search"):
        found[name] = send(used, f"/lesson {name}")
        places.append(place(used))
    return found, places


def place(shell):
    """What a lesson must not change."""
    workspace = shell.workspace
    sessions = {
        name: (session.branch, session.position, session.ids(), session.strategy, session.chain, session.interventions)
        for name, session in workspace.sessions.items()
    }
    return workspace.current, sessions, shell.settings.get("surprisal"), shell.settings.get("max_tokens")


def kinds(events):
    return {type(event) for event in events}


def finished(events):
    """The texts of the answers."""
    texts = [""]
    for event in events:
        if isinstance(event, Token):
            texts[-1] += event.text
        elif isinstance(event, Finished):
            texts.append("")
    return texts[:-1]


def test_it_lists_the_lessons(used):
    table = only(used, "/lesson", Table)

    assert [name for name, _, _ in table.rows] == list(LESSONS) == ["vanishing", "gates", "sampling", "search"]
    assert {path.stem for path in FOLDER.iterdir()} == set(LESSONS)
    assert all(2 <= minutes <= 4 for _, minutes, _ in table.rows)
    assert list(lesson_words(used, "")) == list(LESSONS)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gates", {Gates, ColouredText, Reach}),
        ("sampling", {Top, Finished, Alternatives}),
        ("search", {Translation, Beams, Alternatives}),
    ],
)
def test_a_lesson_shows_what_it_is_about(name, shown, taken):
    assert shown <= kinds(taken[0][name])


def test_lessons_leave_the_sessions_as_they_were(taken):
    first, *others = taken[1]
    assert others == [first] * 3


def test_the_clamped_unit_decides_how_long_the_lines_are(taken):
    *_, late, early = finished(taken[0]["gates"])

    assert len(late.strip().partition("\n")[0]) > 80
    assert early.count("\n") >= 4


def test_greedy_search_misses_the_tense_and_a_beam_finds_it(taken):
    greedy, beam, *_ = (event.answer for event in taken[0]["search"] if isinstance(event, Translation))

    assert greedy == "Personne ne sait ce qui se passe demain."
    assert beam == "Personne ne sait ce qui arrivera demain."


def test_the_coldest_answer_goes_in_circles_and_what_was_undone_comes_again(taken):
    texts = finished(taken[0]["sampling"])

    assert "the state of the state" in texts[2]
    assert texts[-3] == texts[-2] != texts[-1]


def test_a_model_that_a_lesson_opened_is_closed_again(registry):
    shell = Shell(registry)
    shell.settings.set("max_tokens", "10")
    send(shell, "/load names", "/lesson search")

    assert list(shell.workspace.sessions) == ["names"]


def test_the_lesson_on_vanishing_gradients_trains_both_and_closes_them(used, monkeypatch):
    monkeypatch.setattr(synthetic, "NUM_TRAINING", 96)
    monkeypatch.setattr(synthetic, "NUM_UNSEEN", 16)
    before = place(used)
    events = send(used, "/lesson vanishing")
    rnn, lstm, both = (event for event in events if isinstance(event, GradientLags))

    assert place(used) == before
    assert {each.part for each in rnn.measured} == {"recurrent[0]"}
    assert {each.part for each in lstm.measured} == {"recurrent.hidden[0]", "recurrent.cell[0]"}
    assert [(each.model, each.part) for each in both.panels()] == [
        ("lesson-rnn", "recurrent[0]"),
        ("lesson-lstm", "recurrent.hidden[0]"),
        ("lesson-lstm", "recurrent.cell[0]"),
    ]
    assert Label in kinds(events)
    assert {"lesson-rnn", "lesson-lstm"} <= paths.list_checkpoints().keys()


@pytest.mark.slow
def test_the_gradient_vanishes_in_the_plain_network_and_not_in_the_cell_of_the_lstm(used):
    events = send(used, "/lesson vanishing")
    *_, both = (event for event in events if isinstance(event, GradientLags))
    rnn, _, cell = both.panels()
    (label,) = (event for event in events if isinstance(event, Label))
    accuracy = [
        float(event.rows[0][1].split()[0])
        for event in events
        if isinstance(event, Table) and "accuracy" in event.columns
    ]

    assert accuracy[0] < 40
    assert accuracy[1] > 95
    assert label.answer == "4"
    assert rnn.norms[-1] / rnn.norms[0] < 0.1
    assert cell.norms[-1] / cell.norms[0] > 0.3


@pytest.mark.parametrize("name", LESSONS)
def test_the_lessons_fit_into_sixty_columns_and_their_time(name, registry):
    shell = Shell(registry)
    shell.interactive = True
    (steps,) = (event for event in send(shell, f"/lesson {name}") if isinstance(event, Steps))
    prose = " ".join(line.removeprefix("/#") for line in steps.lines if line.startswith("/#"))
    minutes, _ = LESSONS[name]

    assert max(map(len, steps.lines)) <= 64  # as in the tour
    assert 50 * minutes <= len(prose.split()) <= 130 * minutes


def test_bad_input_is_one_line(used, monkeypatch):
    before = place(used)
    assert fails(used, "/lesson vanish").message == "there is no lesson 'vanish'; did you mean vanishing?"
    assert fails(used, "/lesson xyz").message == (
        "there is no lesson 'xyz'; the lessons are vanishing, gates, sampling, search"
    )
    assert "unexpected 'b'" in fails(used, "/lesson a b").message
    monkeypatch.setattr(paths, "list_checkpoints", lambda *_, **__: {})
    assert fails(used, "/lesson gates").message == (
        "/lesson gates needs the model shakespeare; /models lists those that you have"
    )
    assert place(used) == before
    assert list(lesson_lines(used, "vanishing"))[-2:] == [
        "/load names",
        "/# That is all. The other lessons: gates, sampling, search.",
    ]
