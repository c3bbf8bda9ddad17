"""Penalties: tokens that occur in the last `window` tokens, including the user's, become less likely."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqshell import SampleContext, Tokenizer, setting

Logits = NDArray[np.float64]
Item = TypeVar("Item", int, str)
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class RepeatPenalty:
    """For tokens that occurred: divide a positive logit by `penalty`, and multiply a negative one by it.

    Keskar et al. 2019 (CTRL), https://arxiv.org/abs/1909.05858, section 4.1. The paper divides every logit, which would
    favour tokens with a negative logit.
    """

    name: ClassVar[str] = "repeat_penalty"
    stage: ClassVar[str] = "penalty"
    penalty: float = setting(
        1.1, low=0.1, high=10, neutral=1.0, help="above 1 discourages repeated tokens, below 1 encourages them"
    )
    window: int = setting(64, low=1, high=1_000_000, help="number of most recent tokens to look at")

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V]."""
        if self.penalty == 1:
            return logits
        seen = _unique(context.tokens[-self.window :])
        old = logits[seen]
        new = logits.copy()
        new[seen] = np.where(old > 0, old / self.penalty, old * self.penalty)
        return new


@dataclass(frozen=True)
class PresencePenalty:
    """Subtract `penalty` once from the logit of every token that occurred.

    OpenAI's formula: logit_i - count_i frequency_penalty - [count_i > 0] presence_penalty.
    """

    name: ClassVar[str] = "presence_penalty"
    stage: ClassVar[str] = "penalty"
    penalty: float = setting(
        0.5, low=-10, high=10, neutral=0.0, help="subtracted from the logit of each token that occurred"
    )
    window: int = setting(64, low=1, high=1_000_000, help="number of most recent tokens to look at")

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V]."""
        if self.penalty == 0:
            return logits
        new = logits.copy()
        new[_unique(context.tokens[-self.window :])] -= self.penalty
        return new


@dataclass(frozen=True)
class FrequencyPenalty:
    """Subtract `penalty` from a token's logit once per occurrence; see PresencePenalty for the formula."""

    name: ClassVar[str] = "frequency_penalty"
    stage: ClassVar[str] = "penalty"
    penalty: float = setting(
        0.2, low=-10, high=10, neutral=0.0, help="subtracted from a token's logit once per occurrence"
    )
    window: int = setting(64, low=1, high=1_000_000, help="number of most recent tokens to look at")

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V]."""
        if self.penalty == 0:
            return logits
        recent = np.array(context.tokens[-self.window :], np.int64)
        return logits - self.penalty * np.bincount(recent, minlength=logits.size)


@dataclass(frozen=True)
class NoRepeatNgram:
    """Never repeat a sequence of `n` tokens, or of `n` words, in the window.

    Paulus et al. 2017, https://arxiv.org/abs/1705.04304, section 2.5. Words are compared as text, so that a word that
    is divided into other tokens is a repetition too; white space and punctuation marks are left out.
    """

    name: ClassVar[str] = "no_repeat_ngram"
    stage: ClassVar[str] = "penalty"
    n: int = setting(3, low=0, high=1_000, neutral=0, help="never repeat a sequence of n tokens; 0 turns it off")
    window: int = setting(100_000, low=1, high=1_000_000, help="number of most recent tokens to look at")
    unit: str = setting("tokens", choices=("tokens", "words"), help="what n counts")

    def __call__(self, logits: Logits, context: SampleContext) -> Logits:
        """logits: [V]. Returns [V] with tokens that would repeat one at -inf, unchanged if no token would remain."""
        if self.n == 0:
            return logits
        recent = context.tokens[-self.window :]
        if self.unit == "words" and context.tokenizer is not None:
            repeated = self._ends_of_words(recent, context.tokenizer, logits.size)
        else:
            repeated = self._followers(recent)
        banned = _unique(list(repeated))
        if not banned.size:
            return logits
        new = logits.copy()
        new[banned] = -np.inf
        return new if new[new.argmax()] > -np.inf else logits

    def _ends_of_words(self, recent: Sequence[int], tokenizer: Tokenizer, size: int) -> Iterator[int]:
        """The tokens that would end a word that followed an earlier occurrence of the n - 1 words before it."""
        text = b"".join(map(tokenizer.piece, recent)).decode("utf-8", "replace")
        words = WORD.findall(text)
        begun = words[-1] if words and text.endswith(words[-1]) else ""
        whole = words[:-1] if begun else words
        pieces = {f" {word}".encode() for word in self._followers(words)}
        pieces |= {word.removeprefix(begun).encode() for word in self._followers(whole) if word.startswith(begun)}
        pieces.discard(b"")
        if pieces:
            yield from (token for token in range(size) if tokenizer.piece(token) in pieces)

    def _followers(self, recent: Sequence[Item]) -> Iterator[Item]:
        """The items that followed each earlier occurrence of the last n - 1 items."""
        if self.n == 1:
            yield from recent
            return
        prefix = recent[len(recent) - self.n + 1 :]
        end = self.n - 2  # the index of the last item of an occurrence; the smallest possible one
        while len(prefix) == self.n - 1:
            try:
                end = recent.index(prefix[-1], end, len(recent) - 1)
            except ValueError:
                return
            if recent[end - self.n + 2 : end + 1] == prefix:
                yield recent[end + 1]
            end += 1


def _unique(tokens: Sequence[int]) -> NDArray[np.int64]:
    return np.array(list(set(tokens)), np.int64)
