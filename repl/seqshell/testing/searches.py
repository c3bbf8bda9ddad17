"""The searches that the rules for strategies try: small cases, their samplers, and their decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell.core.model import Model
from seqshell.core.sampling import (
    END,
    AnswerEnded,
    Batch,
    Draw,
    End,
    Logits,
    Request,
    SampleContext,
    Sampler,
    Step,
    Stop,
)
from seqshell.core.state import State
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.features import with_features
from seqshell.testing.tiny_language_model import TinyDecoder, tiny_model

VOCABULARY = "abcdefgh"
BANNED = 0  # an excluded id, like PAD
STOP = 3
MAX_CALLS = 200  # of the decoder for one token


@dataclass(frozen=True)
class Case:
    """A search: `batch` rows that start after one token each, and at most `max_tokens` tokens."""

    batch: int
    max_tokens: int
    prefix: tuple[int, ...] = ()
    only: int | None = None
    ends: int | None = None
    open: Callable[[str], Model] = lambda name: tiny_model(VOCABULARY)

    def request(self) -> Request:
        samplers: tuple[Sampler, ...] = () if self.only is None else (Only(self.only),)
        samplers += () if self.ends is None else (EndsAfter(self.ends),)
        stop = Stop(self.max_tokens, frozenset({STOP}) - {self.only})
        return Request(
            stop,
            samplers,
            Draw(seed=1),
            prefix=self.prefix,
            tokenizer=CharTokenizer(VOCABULARY),
            excluded=frozenset({BANNED}),
            open=self.open,
        )

    def __str__(self) -> str:
        words = [f"{self.batch} row{'s' if self.batch > 1 else ''}", f"max_tokens={self.max_tokens}"]
        words += [f"prefix={self.prefix}"] if self.prefix else []
        words += [f"a sampler that allows only {self.only}"] if self.only is not None else []
        return ", ".join(words + ([f"a sampler that ends it after {self.ends}"] if self.ends is not None else []))


@dataclass(frozen=True)
class Only:
    """Allow only one token."""

    name: ClassVar[str] = "only"
    token: int

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        return np.where(np.arange(logits.size) == self.token, logits, -np.inf)


@dataclass(frozen=True)
class EndsAfter:
    """End an answer after some tokens."""

    name: ClassVar[str] = "ends_after"
    number: int

    def __call__(self, logits: Logits, context: SampleContext) -> Logits | End:
        return END if context.answer >= self.number else logits


class LimitedDecoder(TinyDecoder):
    """A decoder that raises an error after `most` steps, for searches that do not end."""

    calls = 0
    most = 0

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        self.calls += 1
        if self.calls > self.most:
            raise RuntimeError(f"the search does not end: it took more than {self.most} steps")
        return super().step(inputs, state)


def start_of(case: Case) -> tuple[LimitedDecoder, Batch]:
    decoder = LimitedDecoder(len(VOCABULARY), 4)
    ids = np.arange(1, case.batch + 1)
    decoder.most = 1
    outputs, state = decoder.step(ids, decoder.initial_state(case.batch))
    decoder.most = MAX_CALLS * (case.max_tokens + 1)
    nothing: tuple[tuple[Any, ...], ...] = ((None,) * len(case.request().samplers),) * case.batch
    return decoder, Batch(
        state, outputs, tuple((int(token),) for token in ids), nothing, (1,) * case.batch, (0,) * case.batch
    )


def steps_of(strategy: Any, case: Case) -> list[Any]:
    """Return what a search yields, as far as its caller reads."""
    decoder, start = start_of(case)
    found: list[Any] = []
    for step in _until_end(strategy.search(with_features(decoder), start, case.request())):
        found.append(step)
        if len(found) == (case.max_tokens if strategy.streams else case.batch + 1):
            break
    return found


def _until_end(steps: Iterator[Step]) -> Iterator[Any]:
    """The steps before the answers of all rows are ended."""
    with suppress(AnswerEnded):
        for step in steps:
            if step is END:
                return
            yield step
