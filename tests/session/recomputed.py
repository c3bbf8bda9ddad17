"""What a session must equal: everything that was read, kept as calls, and computed from the start each time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from seqshell import choose, setting
from seqshell.core.sampling import Draw
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Sample
from seqshell.session.interventions import Clamp, Steering
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
