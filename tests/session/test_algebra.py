"""Whatever is done to a session, it equals recomputing everything from the start, to the last bit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seqshell import UsageError, choose, setting
from seqshell.core.sampling import Draw
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Sample
from seqshell.inspect.addresses import find_state
from seqshell.inspect.editing import mixed
from seqshell.session import Session
from seqshell.session.forks import fork
from seqshell.session.interventions import Clamp, Steering
from seqshell.session.state_record import changed
from seqshell.testing import tiny_model
from seqshell.testing.tiny_language_model import TinyDecoder


class Uneven(TinyDecoder):
    """Its feed differs in the last bits from its steps, and with the length, as matrix products do."""

    num_read = 0

    def step(self, inputs, state):
        self.num_read += 1
        return super().step(inputs, state)

    def feed(self, inputs, state):
        outputs, state = super().feed(inputs, state)
        scale = np.float32(1 + inputs.shape[1] * 2.0**-20)
        return outputs * scale, state * scale


LETTERS = "\n abcdefgh"
DECODER = Uneven(len(LETTERS))
MODEL = replace(tiny_model(LETTERS), decoder=DECODER)


@dataclass(frozen=True)
class Weary:
    """Lowers the logit of a token each time it is drawn. Remembers an array and a number."""

    name: ClassVar[str] = "weary"
    strength: float = setting(1.0, low=0, neutral=0)

    def __call__(self, logits, context):
        if context.memory is None:
            return logits
        return logits - self.strength * context.memory[0]

    def update(self, memory, token, log_probs):
        tired, drawn = memory or (np.zeros(len(log_probs)), 0)
        tired = tired.copy()
        tired[token] += np.exp(log_probs[token])
        return [tired, drawn + 1]


SAMPLERS = {"weary": Weary}
STRATEGIES = {"sample": Sample}


@dataclass(frozen=True)
class Stretch:
    """Tokens that one call read. ids: those that were fed; None: `count` tokens were drawn with this chain and draw.

    strength: the option of the answer, which regenerate repeats. change: no token was read, but from here on these
    interventions are active, and `added` was added to the state.
    """

    turn: int
    retry: int
    ids: tuple[int, ...] | None = None
    count: int = 0
    chain: tuple = ()
    seed: int = 0
    strength: float | None = None
    change: tuple | None = None
    added: tuple = ()  # interventions

    def first(self, count):
        return replace(self, ids=self.ids[:count]) if self.ids is not None else replace(self, count=count)

    def __len__(self):
        return self.count if self.ids is None else len(self.ids)


@dataclass(frozen=True)
class Edit:
    """A state that was given: that of a place, mixed with that of another, with a number written to a unit.

    The places are alone: without what they left.
    """

    start: Place
    other: Place
    weight: float = 0
    unit: int = -1
    value: float = 0


@dataclass(frozen=True)
class Place:
    """A path from an initial state, or from one that was given; left: the place that was left for it in that turn."""

    left: Place | None = None
    turn: int = -1
    stretches: tuple[Stretch, ...] = ()
    given: Edit | None = None
    began: tuple = ()  # the interventions that are active at the root: those at the place that was left

    def __len__(self):
        return sum(map(len, self.stretches))

    def until(self, position):
        kept = []
        for stretch in self.stretches:
            if position > 0 or (position == 0 and stretch.change is not None):
                kept.append(stretch.first(min(len(stretch), position)))
            position -= len(stretch)
        return replace(self, stretches=tuple(kept))

    def active(self):
        return next((each.change for each in reversed(self.stretches) if each.change is not None), self.began)

    def last_turn(self):
        return self.stretches[-1].turn if self.stretches else self.turn

    def before_turn(self):
        turn, place = self.last_turn(), self
        while place is not None and place.last_turn() == turn:
            if place.stretches:
                place = replace(place, stretches=place.stretches[:-1])
            else:
                place = place.left
        return place

    def retry(self):
        return self.stretches[-1].retry if self.stretches else 0

    def alone(self):
        return Place(stretches=self.stretches, given=self.given, began=self.began)


@dataclass(frozen=True)
class Computed:
    ids: tuple[int, ...]
    state: np.ndarray
    outputs: np.ndarray
    memory: tuple = ()
    chain: tuple = ()
    generated: int = 0


def edited(edit, known):
    """The state that was given, and the outputs that belong to it."""
    start, other = compute(edit.start, known), compute(edit.other, known)
    if edit.weight == 1:
        return Computed((), other.state, other.outputs)
    state = start.state.copy()
    if edit.weight:
        state = (1 - edit.weight) * state + edit.weight * other.state
    if edit.unit >= 0:
        state[0, edit.unit] = edit.value
    same = state.tobytes() == start.state.tobytes()
    return Computed((), state, start.outputs if same else DECODER.state_outputs(state))


def held(now, state, active):
    """What the interventions make of a state: what they add comes first, then the clamps."""
    state, steerings = state.copy(), [each for each in active if isinstance(each, Steering)]
    for each in steerings:
        state += each.parts[0]
    for each in active:
        if isinstance(each, Clamp):
            state[0, each.index[0]] = each.value
    same = not steerings and (state == now.state).all()
    return now if same else replace(now, state=state, outputs=DECODER.state_outputs(state))


def compute(place, known):
    """The state at a place, computed from the initial state by the same calls; `known` is a cache."""
    place = place.alone()
    if place in known:
        return known[place]
    if not place.stretches:
        first = Computed((), DECODER.initial_state(1), np.zeros((1, len(LETTERS)), np.float32))
        first = first if place.given is None else edited(place.given, known)
        known[place] = held(first, first.state, [each for each in place.began if isinstance(each, Clamp)])
        return known[place]
    now, last = compute(replace(place, stretches=place.stretches[:-1]), known), place.stretches[-1]
    active = place.active()
    if last.change is not None:
        now = held(now, now.state, [*last.added, *(each for each in active if isinstance(each, Clamp))])
    elif last.ids is not None and active:
        for token in last.ids:
            outputs, state = DECODER.step(np.array([token]), now.state)
            now = replace(now, ids=(*now.ids, token), state=state, outputs=outputs)
            now = held(now, state, active)
    elif last.ids is not None:
        ids = list(last.ids)
        while ids:
            piece = ids[: 32 - len(now.ids) % 32]
            del ids[: len(piece)]
            outputs, state = DECODER.feed(np.array([piece]), now.state)
            now = replace(now, ids=now.ids + tuple(piece), state=state, outputs=outputs)
    else:
        if now.chain != last.chain:
            now = replace(now, chain=last.chain, memory=(None,) * len(last.chain))
        for _ in range(last.count):
            logits = now.outputs[0].astype(np.float64)
            for sampler, memory in zip(last.chain, now.memory, strict=True):
                logits = logits if memory is None else logits - sampler.strength * memory[0]
            token = choose(np.exp(logits - logits.max()), Draw(last.seed, last.retry).uniform(len(now.ids)))
            memory = tuple(s.update(m, token, log_probs(logits)) for s, m in zip(last.chain, now.memory, strict=True))
            outputs, state = DECODER.step(np.array([token]), now.state)
            now = Computed((*now.ids, token), state, outputs, memory, last.chain, now.generated + 1)
            now = held(now, state, active)
    known[place] = now
    return now


@dataclass
class Line:
    """A branch in the reference: where it is, and the places that redo restores: (from, to, retry)."""

    place: Place
    retry: int = 0
    returns: tuple = ()
    point: Place | None = None


class SessionAgainstReference(RuleBasedStateMachine):
    """A session compared with a reference that keeps only what was read and recomputes the rest each time."""

    @initialize(budget=st.sampled_from([0.0, 0.0005, 0.003, 256.0]), chain=st.sampled_from([(), (Weary(),)]))
    def begin(self, budget, chain):
        self.session = Session(MODEL, samplers=SAMPLERS, strategies=STRATEGIES, snapshot_mb=budget)
        self.session.chain = self.chain = chain
        self.budget = budget
        self.lines = {"main": Line(Place())}
        self.current = "main"
        self.seed = self.turn = 0
        self.used = {}  # the retry numbers that were ever drawn, by place
        self.known = {}

    @property
    def line(self):
        return self.lines[self.current]

    def next_turn(self):
        self.turn += 1
        self.session.begin_turn()

    def read(self, stretch):
        if len(stretch):
            place = self.line.place
            self.line.place = replace(place, stretches=(*place.stretches, stretch))
            for position in range(len(place), len(self.line.place)):
                self.used.setdefault(self.line.place.until(position), set()).add(stretch.retry)

    def intervene(self, stays, *new):
        """End some interventions, and begin others, in this turn."""
        self.next_turn()
        active = self.line.place.active()
        mine, theirs = (  # a restored session has copies
            [each for each, is_kept in zip(group, stays, strict=False) if is_kept]
            for group in (self.session.interventions, active)
        )
        change = self.session.intervene((*mine, *new))
        clamped = [each.index for each in new if isinstance(each, Clamp)]  # again, which ends the clamp before
        wanted = (*(each for each in theirs if getattr(each, "index", None) not in clamped), *new)
        assert (change is None) == (wanted == active)
        if change is not None:
            self.changed(self.turn, wanted)
        names = [each.name for each in self.line.place.active()]
        assert [each.name for each in self.session.interventions] == names

    def changed(self, turn, wanted):
        place = self.line.place
        self.used.setdefault(place, set()).add(self.line.retry)
        added = tuple(each for each in wanted if isinstance(each, Steering) and each not in place.active())
        active = tuple(each for each in wanted if each not in added or not each.once)
        stretch = Stretch(turn, self.line.retry, change=active, added=added)
        self.line.place = replace(place, stretches=(*place.stretches, stretch))

    def drawn(self, count, chain=None):
        return Stretch(self.turn, self.line.retry, None, count, self.chain if chain is None else chain, self.seed)

    def go(self, places):
        line = self.line
        for place in places:
            if place == line.place:
                continue
            returns = line.returns
            while returns and returns[-1][0] != line.place:
                returns = returns[:-1]
            line.returns = (*returns, (place, line.place, line.retry))
            line.place, line.retry = place, place.retry()

    def move(self, action, *arguments):
        """Going anywhere reads at most 32 tokens again, or the stride to which the budget led."""
        before = DECODER.num_read
        moved = action(*arguments)
        stride = self.session.behaviour.cursor.store.stride
        assert DECODER.num_read - before <= stride
        assert stride == 32 or self.budget < 256
        return moved

    # What users do

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

    # What must hold

    def computed(self, line=None):
        return compute((line or self.line).place, self.known)

    @invariant()
    def the_current_snapshot_equals_the_recomputed_one(self):
        expected, here = self.computed(), self.session.here
        assert self.session.ids() == list(expected.ids)
        assert (self.session.position, self.session.branch) == (len(expected.ids), self.current)
        assert (self.session.seed, self.session.retry) == (self.seed, self.line.retry)
        assert here.state.tobytes() == expected.state.tobytes()
        assert here.outputs.tobytes() == expected.outputs.tobytes()
        assert self.session.behaviour.cursor.context(Draw()).generated == expected.generated
        memory = expected.memory if expected.chain == self.chain else (None,) * len(self.chain)
        for mine, theirs in zip(self.session.behaviour.cursor.memories(self.chain), memory, strict=True):
            assert (mine is None) == (theirs is None)
            assert mine is None or (mine[1] == theirs[1] and mine[0].tobytes() == theirs[0].tobytes())

    @invariant()
    def every_branch_is_where_it_was_left(self):
        for branch in self.session.branches():
            line = self.lines[branch.name]
            assert branch.position == len(line.place)
            assert self.session.ids(branch.name) == list(self.computed(line).ids)


SessionAgainstReference.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_a_session_equals_recomputing_everything_from_the_start = SessionAgainstReference.TestCase
