"""Whatever is done to a session, its notes are those of the path to each branch."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seqshell import UsageError
from seqshell.core.events import Finished
from seqshell.decoding.strategies import Sample
from seqshell.session import Session
from seqshell.testing import tiny_model

MODEL = tiny_model()
STRATEGIES = {"sample": Sample}


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
