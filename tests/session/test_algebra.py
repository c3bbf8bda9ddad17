"""Whatever is done to a session, it equals recomputing everything from the start, to the last bit."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.session.recomputed import LETTERS, MODEL, SAMPLERS, STRATEGIES, Edit, Line, Place, Stretch, Weary
from tests.session.session_machine import SessionMachine

from seqshell import UsageError
from seqshell.inspect.addresses import find_state
from seqshell.inspect.editing import mixed
from seqshell.session import Session
from seqshell.session.forks import fork
from seqshell.session.interventions import Clamp, Steering
from seqshell.session.state_record import changed


class SessionAgainstReference(SessionMachine):
    """What users do."""

    @rule(ids=st.text(LETTERS, max_size=70))
    def feed(self, ids):
        self.next_turn()
        assert self.session.feed(ids) == len(ids)
        self.read(Stretch(self.turn, self.line.retry, tuple(map(LETTERS.index, ids))))

    @rule(count=st.integers(1, 45))
    def generate(self, count):
        self.next_turn()
        *tokens, finished = self.session.generate(count)
        assert finished.num_tokens == len(tokens) == count
        self.read(self.drawn(count))

    @rule(text=st.text(LETTERS, max_size=5), count=st.integers(1, 9), more=st.integers(1, 5))
    def respond_and_stop_iterating(self, text, count, more):
        self.next_turn()
        answer = self.session.respond(text, count + more)
        for _ in range(count):
            next(answer)
        answer.close()
        self.read(Stretch(self.turn, self.line.retry, tuple(map(LETTERS.index, text))))
        self.read(self.drawn(count))

    @rule(count=st.integers(1, 5), strength=st.sampled_from([0.5, 2.0]))
    def generate_with_another_strength(self, count, strength):
        self.next_turn()
        list(self.session.generate(count, weary=strength))
        self.read(replace(self.drawn(count, (Weary(strength),)), strength=strength))

    @rule(chain=st.sampled_from([(), (Weary(),), (Weary(3.0),)]))
    def change_the_chain(self, chain):
        self.session.chain = self.chain = chain

    @rule(seed=st.integers(0, 3))
    def change_the_seed(self, seed):
        self.session.set_seed(seed)
        self.seed, self.line.retry = seed, 0

    @rule(turns=st.integers(1, 3))
    def undo(self, turns):
        places, place = [], self.line.place
        for _ in range(turns):
            place = place.before_turn()
            places.append(place)
            if place is None:
                with pytest.raises(UsageError):
                    self.session.undo(turns)
                return
        self.move(self.session.undo, turns)
        self.go(places)

    @rule(share=st.floats(0, 1))
    def undo_tokens(self, share):
        count = round(share * len(self.line.place))
        self.move(self.session.undo_tokens, count)
        self.go([self.line.place.until(len(self.line.place) - count)])

    @rule(share=st.floats(0, 1))
    def rewind(self, share):
        position = round(share * len(self.line.place))
        assert self.move(self.session.rewind, position).position == position
        self.go([self.line.place.until(position)])

    @rule(text=st.text(LETTERS, min_size=1, max_size=2))
    def rewind_to_a_text(self, text):
        whole = "".join(LETTERS[token] for token in self.computed().ids)
        if text not in whole:
            with pytest.raises(UsageError, match="is not in this branch's text"):
                self.session.rewind_to(text)
            return
        self.session.rewind_to(text)
        self.go([self.line.place.until(whole.rindex(text) + len(text))])

    @rule(turns=st.integers(1, 2))
    def redo(self, turns):
        line, place, retry, returns = self.line, self.line.place, self.line.retry, self.line.returns
        for _ in range(turns):
            if not returns or returns[-1][0] != place:
                with pytest.raises(UsageError):
                    self.session.redo(turns)
                return
            _, place, retry = returns[-1]
            returns = returns[:-1]
        self.move(self.session.redo, turns)
        line.place, line.retry, line.returns = place, retry, returns

    @rule(text=st.text(LETTERS, max_size=40))
    def reseed(self, text):
        self.next_turn()
        if len(self.line.place) or self.line.place.given or text:
            self.line.place, self.line.retry = self.root(), 0
            self.read(Stretch(self.turn, 0, tuple(map(LETTERS.index, text))))
        self.session.reseed(text) if text else self.session.reset()

    def root(self, given=None):
        place = self.line.place
        return Place(place, self.turn, given=given, began=place.active())

    def continue_from(self, edit, record):
        self.session.set_state(record)
        self.line.place, self.line.retry = self.root(edit), 0

    def found(self, data):
        """Any position of any branch: its address and the place in the reference."""
        name = data.draw(st.sampled_from(sorted(self.lines)))
        place = self.lines[name].place
        position = data.draw(st.integers(0, len(place)))
        return f"{name}@{position}", place.until(position).alone()

    @rule(data=st.data())
    def load_a_state(self, data):
        self.next_turn()
        address, place = self.found(data)
        self.continue_from(Edit(place, place), self.move(find_state, self.session, address))

    @rule(data=st.data(), weight=st.sampled_from([0.0, 0.25, 1.0]))
    def mix_two_states(self, data, weight):
        self.next_turn()
        (one, start), (two, end) = self.found(data), self.found(data)
        first, second = find_state(self.session, one), find_state(self.session, two)
        record = changed(self.session.behaviour.cursor, first, mixed(first.state, second.state, weight), "mixed")
        self.continue_from(Edit(start, end, weight), second if weight == 1 else record)

    @rule(unit=st.integers(0, 7), value=st.floats(-2, 2, width=32))
    def write_a_unit(self, unit, value):
        self.next_turn()
        state = self.session.state
        state[0, unit] = value
        self.session.set_state(state)
        state[:] = np.nan  # the session has a copy
        place = self.line.place
        self.line.place, self.line.retry = self.root(Edit(place.alone(), place.alone(), 0, unit, value)), 0

    @rule(unit=st.integers(0, 7), value=st.sampled_from([0.0, 0.5, -2.0]))
    def clamp_a_unit(self, unit, value):
        self.intervene([True] * 99, Clamp(f"0[{unit}]", 0, (unit,), np.float32(value)))

    @rule(strength=st.sampled_from([0.25, -1.5]), once=st.booleans())
    def steer(self, strength, once):
        vector = np.linspace(-1, 1, 8, dtype=np.float32)[None] * np.float32(strength)
        self.intervene([True] * 99, Steering(f"by {strength}", (vector,), once))

    @rule(stays=st.lists(st.booleans(), max_size=3))
    def end_interventions(self, stays):
        self.intervene(stays)

    @precondition(lambda self: len(self.lines) < 6)
    @rule()
    def branch(self):
        name = f"b{len(self.lines)}{self.turn}"
        if name not in self.lines:
            self.session.branch_off(name)
            self.lines[name] = Line(self.line.place, self.line.retry)
            self.current = name

    @rule(share=st.floats(0, 1), token=st.integers(0, len(LETTERS) - 1))
    def take_another_token_on_a_branch(self, share, token):
        self.next_turn()
        line, position = self.line, round(share * len(self.line.place))
        place = line.place.until(position)
        retry = line.retry if place == line.place else place.retry()
        moved = self.move(fork, self.session.behaviour.navigator, position, [token])
        assert (moved.position, moved.branch in self.lines) == (position + 1, False)
        self.lines[moved.branch] = Line(place, retry)
        self.current = moved.branch
        self.read(Stretch(self.turn, retry, (token,)))

    @rule(data=st.data())
    def checkout(self, data):
        self.current = data.draw(st.sampled_from(sorted(self.lines)))
        self.move(self.session.checkout, self.current)

    @rule(data=st.data())
    def drop(self, data):
        name = data.draw(st.sampled_from(sorted(self.lines)))
        if name == self.current:
            with pytest.raises(UsageError, match="is the current branch; /checkout another one first"):
                self.session.drop(name)
        else:
            self.session.drop(name)
            del self.lines[name]

    @precondition(lambda self: len(self.lines) < 6)
    @rule(strengths=st.lists(st.sampled_from([0.0, 1.0, 2.0]), max_size=2), count=st.integers(1, 40))
    def regenerate(self, strengths, count):
        self.next_turn()
        place, active = self.line.place, self.line.place.active()
        while place.stretches and not place.stretches[-1].count:
            place = replace(place, stretches=place.stretches[:-1])
        if not place.stretches:
            with pytest.raises(UsageError, match="no answer"):
                self.session.regenerate()
            return
        answer = place.stretches[-1]
        point = replace(place, stretches=place.stretches[:-1])
        events = list(self.session.regenerate([{"weary": value} for value in strengths] or 1, count))
        made = [event for event in events if hasattr(event, "stop")]
        left = self.current
        for finished, strength in zip(made, strengths or [None], strict=True):
            self.current = finished.branch
            used = self.used[point]
            retry = min(set(range(len(used) + 1)) - used)
            assert finished.branch not in self.lines
            self.lines[finished.branch] = Line(point, retry)
            if active != point.active():
                self.changed(answer.turn, active)
            strength = answer.strength if strength is None else strength
            chain = self.chain if strength is None else (Weary(strength),)
            self.read(replace(self.drawn(count, chain), turn=answer.turn, strength=strength))
        self.current = made[0].branch
        assert self.session.branch == self.current != left

    @rule()
    def save_and_restore(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "saved.safetensors"
            self.session.save(path)
            self.session = Session.restore(
                path, MODEL, samplers=SAMPLERS, strategies=STRATEGIES, snapshot_mb=self.budget
            )
        self.session.begin_turn()
        self.turn += 1


SessionAgainstReference.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_a_session_equals_recomputing_everything_from_the_start = SessionAgainstReference.TestCase
