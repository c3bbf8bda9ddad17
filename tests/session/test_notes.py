"""The notes of plugins: they follow undo, redo, rewind, branches and saving, whatever was done before."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seqshell import CheckpointError, UsageError
from seqshell.core.events import Finished
from seqshell.decoding.strategies import Sample
from seqshell.models import file
from seqshell.session import Session
from seqshell.testing import tiny_classification_model, tiny_model, tiny_translation_model

MODEL = tiny_model()
STRATEGIES = {"sample": Sample}


def test_notes_are_undone_and_redone_with_the_turn_that_made_them(session):
    for number, text in enumerate(("abc", "de", "fgh"), 1):
        session.begin_turn()
        session.feed(text)
        session.notes["log"] = [number, text]

    seen = []
    for move, argument in (
        (session.undo, 1),
        (session.undo, 1),
        (session.redo, 2),
        (session.rewind, -1),
        (session.rewind, 0),
    ):
        move(argument)
        seen.append(session.notes.get("log"))

    assert seen == [[2, "de"], [1, "abc"], [3, "fgh"], [2, "de"], None]


def test_a_branch_keeps_its_notes_also_those_made_where_it_began(session):
    session.feed("abc")
    session.notes["log"] = "main"
    session.branch_off("other")
    session.notes["log"] = "other"
    session.feed("d")
    session.checkout("main")
    on_main = session.notes["log"]
    session.begin_turn()
    session.feed("h")
    session.undo()
    undone = session.notes["log"]
    session.checkout("other")
    on_other = session.notes["log"]
    session.rewind(3)

    assert (on_main, undone, on_other, session.notes["log"]) == ("main", "main", "other", "other")


def test_each_candidate_starts_with_the_notes_before_the_answer(session):
    session.begin_turn()
    session.notes["log"] = "before"
    list(session.respond("abc", 5))
    session.notes["log"] = "after"
    session.begin_turn()

    list(session.regenerate(2, 5))

    notes = {}
    for branch in session.branches():
        session.checkout(branch.name)
        notes[branch.name] = session.notes["log"]
    assert notes == {"main": "after", "main.2": "before", "main.3": "before"}


@pytest.mark.parametrize(
    ("model", "answer"), [(tiny_classification_model(), "classify"), (tiny_translation_model(), "translate")]
)
def test_notes_last_where_each_text_begins_anew(model, answer):
    session = Session(model)
    for number in (1, 2):
        session.begin_turn()
        result = getattr(session, answer)("the cat" if answer == "translate" else "abc")
        list(result) if answer == "translate" else None
        session.notes["log"] = [*session.notes.get("log", []), number]

    before = session.notes["log"]
    session.undo()

    assert (before, session.notes["log"]) == ([1, 2], [1])


def test_a_note_is_a_copy_that_changes_when_it_is_assigned(session):
    value = {"turns": [1]}
    session.notes["log"] = value
    value["turns"].append(2)
    session.notes["log"]["turns"].append(3)

    assert session.notes["log"] == {"turns": [1]}
    assert (list(session.notes), len(session.notes), "other" in session.notes) == (["log"], 1, False)
    assert repr(session.notes) == "{'log': {'turns': [1]}}"
    del session.notes["log"]
    with pytest.raises(KeyError):
        session.notes["log"]


@pytest.mark.parametrize("value", [object, float("nan"), np.float32(1), {1, 2}, [b"a"]], ids=repr)
def test_a_note_consists_of_json_values(session, value):
    with pytest.raises(UsageError, match="the note log must consist of JSON values"):
        session.notes["log"] = value
    with pytest.raises(UsageError, match="the name of a note must be a text, not 7"):
        session.notes[7] = 1

    assert dict(session.notes) == {}


def test_nothing_but_notes_changes_while_hooks_look_at_the_session(session):
    with session.held_still("not now", notes=True):
        session.notes["log"] = 1
        with pytest.raises(UsageError, match="not now"):
            session.feed("a")
    with session.held_still("not now"), pytest.raises(UsageError, match="not now"):
        session.notes["log"] = 2

    assert (session.notes["log"], session.position) == (1, 0)


def test_a_return_to_a_mark_restores_the_notes(session):
    session.notes["log"] = 1
    mark = session.mark()
    session.notes["log"] = 2
    session.feed("abc")

    session.return_to(mark)

    assert session.notes["log"] == 1


def test_a_file_without_notes_has_nothing_about_them(session, tmp_path):
    session.feed("abc")
    session.save(tmp_path / "one.safetensors")

    header, tensors = file.read(tmp_path / "one.safetensors")

    assert "notes" not in tensors
    assert "notes" not in json.dumps(header)


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("texts", [{"log": "{"}]),
        ("texts", [{"log": 3}]),
        ("texts", None),
        ("now", 9),
        ("runs", [[1]]),
        ("branches", []),
        ("branches", [[0, 0]]),
    ],
)
def test_damaged_notes_are_refused(session, tmp_path, part, wrong):
    path = tmp_path / "one.safetensors"
    session.notes["log"] = 1
    session.feed("abc")
    session.save(path)
    header, tensors = file.read(path)
    data = json.loads(tensors["notes"].tobytes()) | {part: wrong}
    file.write(path, header, {**tensors, "notes": np.frombuffer(json.dumps(data).encode(), np.uint8)})

    with pytest.raises(CheckpointError, match=r"one\.safetensors is damaged: "):
        Session.restore(path, session.model)


@dataclass(frozen=True)
class Step:
    """Tokens of one kind that one turn read, or a reset (no tokens), and the note before them."""

    turn: int
    note: int | None
    kind: str
    size: int = 0


@dataclass(frozen=True)
class Line:
    """A branch in the reference: its steps from the start, its note, and what redo restores: (from, to, note)."""

    steps: tuple[Step, ...] = ()
    note: int | None = None
    returns: tuple = ()

    def went(self, kept):
        """The same after going back to some of its steps, the last perhaps cut."""
        if kept == self.steps:
            return self
        after = self.steps[len(kept)] if kept == self.steps[: len(kept)] else self.steps[len(kept) - 1]
        returns = self.returns
        while returns and returns[-1][0] != self.steps:
            returns = returns[:-1]
        return Line(kept, after.note, (*returns, (kept, self.steps, self.note)))


class NotesAgainstReference(RuleBasedStateMachine):
    """The note of a session compared with a reference that keeps the whole path to each branch."""

    @initialize()
    def begin(self):
        self.session = Session(MODEL, strategies=STRATEGIES)
        self.lines = {"main": Line()}
        self.current = "main"
        self.turn = 0

    @property
    def line(self):
        return self.lines[self.current]

    def set(self, line):
        self.lines[self.current] = line

    def next_turn(self):
        self.turn += 1
        self.session.begin_turn()

    def read(self, kind, size):
        line = self.line
        self.set(replace(line, steps=(*line.steps, Step(self.turn, line.note, kind, size))))

    @rule(value=st.integers(0, 99))
    def note(self, value):
        self.session.notes["log"] = value
        self.set(replace(self.line, note=value))

    @rule()
    def forget_the_note(self):
        self.session.notes.pop("log", None)
        self.set(replace(self.line, note=None))

    @rule(size=st.integers(1, 40))
    def feed(self, size):
        self.next_turn()
        self.session.feed("a" * size)
        self.read("fed", size)

    @rule(size=st.integers(1, 4), fed=st.booleans())
    def answer(self, size, fed):
        self.next_turn()
        list(self.session.respond("ab", size) if fed else self.session.generate(size))
        if fed:
            self.read("fed", 2)
        self.read("drawn", size)

    @rule()
    def reset(self):
        self.next_turn()
        if self.session.position:
            self.session.reset()
            self.read("root", 0)

    @rule(turns=st.integers(1, 2))
    def undo(self, turns):
        line = self.line
        for _ in range(turns):
            if not line.steps:
                with pytest.raises(UsageError):
                    self.session.undo(turns)
                return
            line = line.went(tuple(step for step in line.steps if step.turn != line.steps[-1].turn))
        self.session.undo(turns)
        self.set(line)

    @rule(back=st.integers(1, 9))
    def rewind(self, back):
        if back > self.session.position:
            return
        self.session.rewind(-back)
        kept = list(self.line.steps)
        while back and kept[-1].size <= back:
            back -= kept.pop().size
        if back:
            kept[-1] = replace(kept[-1], size=kept[-1].size - back)
        self.set(self.line.went(tuple(kept)))

    @rule()
    def redo(self):
        returns = self.line.returns
        if not returns or returns[-1][0] != self.line.steps:
            with pytest.raises(UsageError):
                self.session.redo()
            return
        self.session.redo()
        self.set(Line(returns[-1][1], returns[-1][2], returns[:-1]))

    @precondition(lambda self: len(self.lines) < 5)
    @rule()
    def branch(self):
        moved = self.session.branch_off()
        self.lines[moved.branch] = Line(self.line.steps, self.line.note)
        self.current = moved.branch

    @rule(data=st.data())
    def checkout(self, data):
        self.current = data.draw(st.sampled_from(sorted(self.lines)))
        self.session.checkout(self.current)

    @precondition(lambda self: len(self.lines) < 5)
    @rule(number=st.integers(1, 2), size=st.integers(1, 4))
    def regenerate(self, number, size):
        self.next_turn()
        steps = list(self.line.steps)
        while steps and steps[-1].kind == "fed":
            steps.pop()
        if not steps or steps[-1].kind == "root":
            return
        old = steps.pop()
        names = [event.branch for event in self.session.regenerate(number, size) if isinstance(event, Finished)]
        for name in names:
            self.lines[name] = Line((*steps, replace(old, size=size)), old.note)
        self.current = names[0]

    @rule()
    def save_and_restore(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "saved.safetensors"
            self.session.save(path)
            self.session = Session.restore(path, MODEL, strategies=STRATEGIES)
        self.next_turn()

    @invariant()
    def the_note_is_that_of_the_reference(self):
        assert self.session.notes.get("log") == self.line.note


NotesAgainstReference.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
test_notes_equal_those_of_the_path_to_each_branch = NotesAgainstReference.TestCase
