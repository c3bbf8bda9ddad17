"""Penalties: tokens that occur in the last `window` tokens, including the user's, become less likely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import SampleContext, setting

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class RepeatPenalty:
    """Divide the positive logits of tokens that occurred by `penalty`, multiply the negative ones.

    Keskar et al. 2019 (CTRL), https://arxiv.org/abs/1909.05858, section 4.1, where every logit is divided: that would
    favour a token whose logit is negative.
    """

    name: ClassVar[str] = "repeat_penalty"
    stage: ClassVar[str] = "penalty"
    penalty: float = setting(
        1.1, low=0.1, high=10, neutral=1.0, help="above 1 discourages repeated tokens, below 1 encourages them"
    )
    window: int = setting(64, low=1, high=1_000_000, help="how many of the last tokens count")

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V]."""
        if self.penalty == 1:
            return logits
        seen = _different(context.tokens[-self.window :])
        old = logits[seen]
        new = logits.copy()
        new[seen] = np.where(old > 0, old / self.penalty, old * self.penalty)
        return new


@dataclass(frozen=True)
class PresencePenalty:
    """Subtract `penalty` from the logit of every token that occurred at all.

    OpenAI's formula: logit_i - count_i frequency_penalty - [count_i > 0] presence_penalty.
    """

    name: ClassVar[str] = "presence_penalty"
    stage: ClassVar[str] = "penalty"
    penalty: float = setting(
        0.5, low=-10, high=10, neutral=0.0, help="taken from the logit of each token that occurred"
    )
    window: int = setting(64, low=1, high=1_000_000, help="how many of the last tokens count")

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V]."""
        if self.penalty == 0:
            return logits
        new = logits.copy()
        new[_different(context.tokens[-self.window :])] -= self.penalty
        return new


@dataclass(frozen=True)
class FrequencyPenalty:
    """Subtract `penalty` from the logit of a token for each occurrence; see PresencePenalty for the formula."""

    name: ClassVar[str] = "frequency_penalty"
    stage: ClassVar[str] = "penalty"
    penalty: float = setting(
        0.2, low=-10, high=10, neutral=0.0, help="taken from a token's logit once for each time it occurred"
    )
    window: int = setting(64, low=1, high=1_000_000, help="how many of the last tokens count")

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V]."""
        if self.penalty == 0:
            return logits
        recent = np.array(context.tokens[-self.window :], np.int64)
        return logits - self.penalty * np.bincount(recent, minlength=logits.size)


@dataclass(frozen=True)
class NoRepeatNgram:
    """Never repeat a sequence of `n` tokens in the window.

    Paulus et al. 2017, https://arxiv.org/abs/1705.04304, section 2.5.
    """

    name: ClassVar[str] = "no_repeat_ngram"
    stage: ClassVar[str] = "penalty"
    n: int = setting(3, low=0, high=1_000, neutral=0, help="no sequence of n tokens comes twice; 0 allows all")
    window: int = setting(100_000, low=1, high=1_000_000, help="how many of the last tokens count")

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V] with repeating tokens at -inf, unchanged if no token would remain."""
        if self.n == 0:
            return logits
        banned = _different(list(self._followers(context.tokens[-self.window :])))
        if not banned.size:
            return logits
        new = logits.copy()
        new[banned] = -np.inf
        return new if new[new.argmax()] > -np.inf else logits

    def _followers(self, recent: Sequence[int]) -> Iterator[int]:
        """What came after the last n - 1 tokens, each time that they stood there before."""
        if self.n == 1:
            yield from recent
            return
        beginning = recent[len(recent) - self.n + 1 :]
        place = self.n - 2  # of the last token of a first such beginning
        while len(beginning) == self.n - 1:
            try:
                place = recent.index(beginning[-1], place, len(recent) - 1)
            except ValueError:
                return
            if recent[place - self.n + 2 : place + 1] == beginning:
                yield recent[place + 1]
            place += 1


def _different(tokens: Sequence[int]) -> NDArray[np.int64]:
    return np.array(list(set(tokens)), np.int64)
