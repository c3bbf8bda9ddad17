"""Where a translation session must be: a reference that keeps only the tokens and computes the rest each time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from seqshell import BOS, EOS, Hypotheses, Hypothesis, choose
from seqshell.core.sampling import Draw, SampleContext
from seqshell.core.state import attention_of
from seqshell.decoding.strategies import Sample
from seqshell.testing import tiny_translation_model
from seqshell.testing.tiny_translator import TinyTranslator


class Counted(TinyTranslator):
    """Counts its calls."""

    num_steps = num_encoded = 0

    def encode(self, source, lengths):
        self.num_encoded += 1
        return super().encode(source, lengths)

    def step(self, inputs, state):
        self.num_steps += 1
        return super().step(inputs, state)


MODEL = tiny_translation_model()
DECODER = Counted(MODEL.source_tokenizer.size, MODEL.tokenizer.size)
MODEL = replace(MODEL, decoder=DECODER)
TEXTS = ("the dog", "i see the cat", "Schmidt love the dog .", "you see Anna and Berta .")


@dataclass(frozen=True)
class Found:
    """A search that draws with seeds of its own, one answer after the other."""

    name: ClassVar[str] = "found"
    streams: ClassVar[bool] = False

    def search(self, decoder, start, request):
        best = []
        for seed in range(100, 100 + request.num_best):
            ids, passed, now = [], [], (start.outputs, start.state)
            while (
                len(ids) < request.stop.max_tokens
                and (token := next_token(now[0], request, Draw(seed), len(ids))) != EOS
            ):
                ids.append(token)
                passed.append(now := decoder.step(np.array([token]), now[1]))
            states, outputs = tuple(state for _, state in passed), tuple(outputs for outputs, _ in passed)
            best.append(Hypothesis(tuple(ids), 0.0, -float(seed), states, outputs))
        yield Hypotheses(0, tuple(best))


STRATEGIES = {"sample": Sample, "found": Found}


def next_token(outputs, request, draw, position):
    if position < len(request.prefix):
        return request.prefix[position]
    return drawn(outputs, request.excluded, draw, position)


def drawn(outputs, excluded, draw, position, copying=None, ids=(), state=None):
    logits = outputs[0].astype(np.float64)
    logits[list(excluded)] = -np.inf
    if copying is not None:
        logits = copying.logits(logits, SampleContext(ids), attention_of(state)[0])
    return choose(np.exp(logits - logits.max()), draw.uniform(position))


@dataclass(frozen=True)
class Place:
    """A root with its source, and the tokens after it; left: the place that was left for it. prefix: ids of answers."""

    left: Place | None = None
    turn: int = -1
    source: str | None = None
    ids: tuple[int, ...] = ()
    text: tuple[str, ...] = ()  # of each token
    retry: int = 0
    prefix: tuple[int, ...] = ()

    def until(self, position):
        return replace(self, ids=self.ids[:position], text=self.text[:position], retry=self.retry if position else 0)


def compute(place, known):
    """The state and outputs at a place; `known` is a cache."""
    key = place.source, place.ids
    if key not in known:
        if place.source is None:
            known[key] = DECODER.initial_state(1), np.zeros((1, MODEL.tokenizer.size), np.float32)
        elif not place.ids:
            ids = [*MODEL.source_tokenizer.encode(place.source), EOS]
            known[key] = DECODER.step(np.array([BOS]), DECODER.encode(np.array([ids]), np.array([len(ids)])))[::-1]
        else:
            state, _ = compute(place.until(len(place.ids) - 1), known)
            known[key] = DECODER.step(np.array([place.ids[-1]]), state)[::-1]
    return known[key]


@dataclass
class Line:
    """A branch in the reference: where it is, and the places that redo restores: (from, to, retry)."""

    place: Place
    retry: int = 0
    returns: tuple = ()
