"""What the hooks of plugins receive from a line, what they may do and what they show."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.shell.sending import send
from tests.shell.zoo import failure, plugin

import seqshell
from seqshell.core.events import Finished, HookOutput, Label, Moved, Notice, Progress, Text, Translation
from seqshell.pictures import Bars, Page
from seqshell.testing import (
    shell_for,
    tiny_classification_model,
    tiny_forecast_model,
    tiny_model,
    tiny_translation_model,
)


@dataclass(frozen=True)
class Mood(seqshell.Event):
    """An event of a plugin."""

    number: int

    def as_text(self):
        return f"mood {self.number}"

    def as_json(self):
        return {"mood": self.number}


@dataclass(frozen=True)
class Mute(seqshell.Event):
    """An event that does not say how it is shown."""


@dataclass(frozen=True)
class HalfMute(Mood):
    as_json = seqshell.Event.as_json


@dataclass(frozen=True)
class Listed(Mood):
    def as_json(self):
        return [self.number]


@dataclass(frozen=True)
class Pictured(Mood):
    """An event whose page is what the test says."""

    page: Any = None

    def as_page(self):
        return self.page


@pytest.fixture
def told():
    """What the hooks were told: a list, which a plugin fills that listens to turns and moves."""
    return []


@pytest.fixture
def listening(told):
    """Return a function: a shell on a model, with the plugin that fills `told`."""

    def opened(model):
        return shell_for(
            model,
            plugins=[
                plugin(
                    turn=lambda session, line, events: told.append((session, line, events)),
                    moved=lambda session, moved: told.append((session, moved)),
                )
            ],
        )

    return opened


def test_a_hook_is_told_the_line_and_its_answer(listening, told):
    shell = listening(tiny_model())
    shell.settings.set("max_tokens", 3)

    *_, finished = send(shell, "abc")
    text = send(shell, "/text")

    assert told == [(shell.session, "abc", (finished,)), (shell.session, "/text", tuple(text))]
    assert (finished.num_tokens, text[0].text[:3]) == (3, "abc")


@pytest.mark.parametrize(
    ("model", "line", "kind"),
    [
        (tiny_classification_model(), "abc", Label),
        (tiny_forecast_model(), "1 2 3", seqshell.Forecast),
    ],
)
def test_a_hook_is_told_a_label_or_a_forecast(listening, told, model, line, kind):
    shell = listening(model)

    send(shell, line)

    ((session, sent, events),) = told
    assert (session, sent) == (shell.session, line)
    assert [type(event) for event in events] == [kind]


def test_a_translation_in_the_background_is_a_turn_of_its_own_session(listening, told):
    shell = listening(tiny_model())
    shell.workspace.add(replace(tiny_translation_model(), name="english-french"), background=True)

    send(shell, "/translate the cat")

    ((session, _, events),) = told
    assert session is shell.workspace.sessions["english-french"]
    assert [type(event) for event in events] == [Translation]


def test_a_move_is_told_before_the_turn_and_with_the_notes_of_its_place(listening, told):
    shell = listening(tiny_model())
    send(shell, "/feed abc", "/feed de")
    told.clear()

    for line in ("/undo", "/redo", "/rewind 1", "/branch other", "/checkout main", "/reset"):
        send(shell, line)

    moves = [each[1] for each in told if len(each) == 2]
    turns = [(line, [type(event) for event in events]) for _, line, events in told[1::2]]
    assert [(moved.was, moved.position, moved.branch) for moved in moves] == [
        (5, 3, "main"),
        (3, 5, "main"),
        (5, 1, "main"),
        (1, 1, "other"),
        (1, 1, "main"),
        (1, 0, "main"),
    ]
    assert [line for line, _ in turns] == ["/undo", "/redo", "/rewind 1", "/branch other", "/checkout main", "/reset"]
    assert {tuple(kinds) for _, kinds in turns} == {(Moved,)}


def test_each_line_of_a_script_is_a_turn_and_then_the_script_itself(listening, told, folder):
    (folder / "a.seq").write_text("/feed abc\n\n/undo\n", "utf-8")
    shell = listening(tiny_model())

    send(shell, "/source a.seq")

    assert [each[1] for each in told if len(each) == 3] == ["/feed abc", "/undo", "/source a.seq"]
    assert told[-1][2] == ()


def test_a_line_that_fails_and_progress_are_not_told(told):
    @seqshell.command("busy")
    def busy(shell, arguments):
        """Be busy; the state does not change."""
        yield Progress(1, 2)
        yield Text("done")

    turn = plugin(turn=lambda line, events: told.append((line, events)), commands=lambda: [busy])
    shell = shell_for(tiny_model(), plugins=[turn])
    with pytest.raises(seqshell.UsageError):
        send(shell, "/undo")

    send(shell, "/busy")

    assert told == [("/busy", (Text("done"),))]


def test_hooks_can_note_what_follows_undo(told):
    def turn(session, line, events):
        if any(isinstance(event, Finished) for event in events):
            session.notes["zoo"] = [*session.notes.get("zoo", []), line]

    shell = shell_for(
        tiny_model(), plugins=[plugin(turn=turn, moved=lambda session, moved: told.append(session.notes.get("zoo")))]
    )
    send(shell, "abc", "de", "/undo", "h", "/undo", "/undo", "/redo 2", "/branch other", "ab", "/checkout main")

    assert told == [["abc"], ["abc"], None, ["abc", "h"], ["abc", "h"], ["abc", "h"]]


@pytest.mark.parametrize("hook", ["turn", "moved"])
def test_a_hook_cannot_move_the_session(hook):
    shell = shell_for(tiny_model(), plugins=[plugin(**{hook: lambda session: session.feed("a")})])
    send(shell, "/feed abc") if hook == "moved" else None

    text = failure(shell, "/undo" if hook == "moved" else "/feed abc")

    assert text.startswith(f"the plugin zoo: seqshell_{hook} failed: a hook must not change the session, except its")
    assert shell.session.position == (0 if hook == "moved" else 3)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (Text("hello"), [Text("hello")]),
        ([Notice("a"), Mood(3)], [Notice("a"), Mood(3)]),
        ((Mood(number) for number in range(2)), [Mood(0), Mood(1)]),
        (Pictured(1, Page((Bars(("a",), (2.0,)),))), [Pictured(1, Page((Bars(("a",), (2.0,)),)))]),
        ((), []),
        (None, []),
    ],
    ids=["an event", "a list", "a generator", "a page", "nothing", "None"],
)
def test_a_hook_may_return_events(result, shown):
    shell = shell_for(tiny_model(), plugins=[plugin(turn=lambda: result)])

    events = send(shell, "/feed abc")

    assert events == [HookOutput("zoo", "seqshell_turn", event) for event in shown]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (Mute(), "it returns a Mute, which has no as_text() and no as_json() of its own"),
        (HalfMute(1), "it returns a HalfMute, which has no as_json() of its own"),
        (Listed(1), "the JSON of a Listed must be a dict, not list"),
        (Pictured(1, "a"), "the page of a Pictured must be a seqshell.pictures.Page or None, not str"),
        (Pictured(1, Page(("a",))), "the page of a Pictured cannot be written: a page has no str"),
        (Pictured(1, Page((Bars(("a",), ("b",)),))), "the page of a Pictured cannot be written: bad operand type"),
        (Mood, "it must return events, not type"),
        ("mood", "it must return events, not str"),
        ([Text("a"), "mood"], "it returns a str, which is not an event"),
        (Text(3), "the text of a Text must be a str, not int"),
        (seqshell.Token("a"), "it returns a Token, which only a line has; a hook may return what can be shown"),
        ((Text("a") for _ in range(1001)), "it returns more than 1,000 events"),
        ((1 / 0 for _ in range(1)), "ZeroDivisionError: division by zero"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_shown_is_rejected_with_the_reason(result, reason):
    shell = shell_for(tiny_model(), plugins=[plugin(turn=lambda: result)])

    assert failure(shell, "/feed abc").startswith(
        f"the plugin zoo: seqshell_turn failed: {'' if reason.startswith('Zero') else 'TypeError: '}{reason}"
    )


def test_hooks_of_the_first_api_may_still_return_anything():
    shell = shell_for(
        tiny_model(),
        plugins=[
            plugin(
                session_started=lambda: "started", model_loaded=lambda: [1], token=lambda: 7, session_ended=lambda: 3.5
            )
        ],
    )
    send(shell, "abc")
    shell.end()

    assert shell.registry.problems == ()


def test_what_a_hook_shows_when_a_session_starts_comes_with_the_next_line():
    shell = shell_for(tiny_model(), plugins=[plugin(session_started=lambda session: Text(session.model.name))])

    assert send(shell, "/feed abc") == [HookOutput("zoo", "seqshell_session_started", Text("tiny"))]


def test_what_hooks_show_is_no_result():
    shell = shell_for(tiny_model(), plugins=[plugin(turn=lambda: Text("shown"))])
    send(shell, "/feed abc", "/text", "/expect abc")

    assert shell.last_result.text == "abc"
