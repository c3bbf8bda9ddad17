"""The tokens that a chain of samplers leaves, for samplers that follow rules: their logits are sorted once for all.

A sampler may say what it does as `rules`, a tuple of Rule. Where samplers with rules follow each other, the host
applies the rules to one Shortlist instead of calling the samplers, with the same result to the last bit.

A rule may add up probabilities in another order than its sampler does. Where that might decide what is kept, it sets
`certain` to False, and the samplers are called after all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MARGIN = 1e-9  # relative; sums of a million probabilities in two orders differ by less
FEW = 512  # up to this number of logits, all are sorted; of more, only those that a rule leaves


class Shortlist:
    """The logits [V] of the next token, which it may overwrite, and which of them are left.

    largest: of those that are left. certain: False if a rule does not know what its sampler would keep.
    """

    _rising: Floats | None = None  # those that are left, sorted
    _kept: Floats | None = None  # the same, divided by `_divisors`
    _divisors: tuple[Floats, ...] = ()
    _is_cut_above = False
    certain = True

    def __init__(self, logits: Floats, largest: float) -> None:
        self._logits = logits
        self.largest = largest

    # For rules

    @property
    def unsorted(self) -> Floats | None:
        """All logits [V], if nothing was removed yet and there are so many that sorting them would take long."""
        return self._logits if self._kept is None and self._logits.size > FEW else None

    def kept(self) -> Floats:
        """The logits that are left, sorted, the largest last; not to be changed."""
        if self._kept is None:
            self._rising = self._kept = self._logits.copy()
            self._kept.sort()
        return self._kept

    def keep(self, first: int, end: int | None = None) -> None:
        """Keep kept()[first:end]. Logits that equal one of these must be among them."""
        kept = self.kept()
        assert self._rising is not None
        self._rising = self._rising[first:end]
        self._kept = kept[first:end] if self._divisors else self._rising
        if end is not None and end < len(kept):
            self._is_cut_above = True
            self.largest = self._kept.item(-1)

    def keep_where(self, is_kept: NDArray[np.bool_]) -> None:
        """Keep some of `unsorted`: all from a number up; is_kept: [V]."""
        self._rising = self._kept = self._logits[is_kept]
        self._kept.sort()

    def divide(self, divisor: Floats) -> None:
        """Divide the logits by a positive number, an array [], which numpy converts faster than a float."""
        if self._kept is None:
            np.divide(self._logits, divisor, self._logits)
        else:
            self._divisors += (divisor,)
            self._kept = self._kept / divisor
        self.largest /= divisor.item()

    # For the host

    def best(self) -> int:
        """The most likely id, of equally likely ones the smallest."""
        ids, logits = self._left()
        index = int(logits.argmax())
        return index if ids is None else ids.item(index)

    def draw(self, u: float) -> int:
        """The id that a number in [0, 1) draws, as `choose` does. The logits are overwritten."""
        ids, logits = (None, self._logits) if self._rising is None else self._left()
        np.subtract(logits, self.largest, logits)
        cumulative = np.add.accumulate(np.exp(logits, logits))
        index = int(cumulative.searchsorted(u * cumulative.item(-1), "right"))
        return index if ids is None else ids.item(index)

    def logits(self) -> Floats:
        """The logits [V], those that are not left at -inf."""
        if self._rising is None:
            return self._logits.copy()
        return self._divided(np.where(self._is_left(self._rising), self._logits, -np.inf))

    def _left(self) -> tuple[NDArray[np.int64] | None, Floats]:
        """The ids that are left, None for all, and their logits."""
        if self._rising is None:
            return None, self._logits
        ids = self._is_left(self._rising).nonzero()[0]
        return ids, self._divided(self._logits[ids])

    def _is_left(self, rising: Floats) -> NDArray[np.bool_]:
        is_left: NDArray[np.bool_] = self._logits >= rising.item(0)
        if self._is_cut_above:
            is_left &= self._logits <= rising.item(-1)
        return is_left

    def _divided(self, logits: Floats) -> Floats:
        for divisor in self._divisors:
            np.divide(logits, divisor, logits)
        return logits


class Rule(Protocol):
    """A part of what a sampler does; it depends on nothing but the logits."""

    def apply(self, shortlist: Shortlist) -> None:
        """Remove logits from the shortlist, or divide them."""


@dataclass(frozen=True)
class Divide:
    """Divide the logits by t > 0."""

    t: float

    @cached_property
    def _divisor(self) -> Floats:
        return np.array(self.t, np.float64)

    def apply(self, shortlist: Shortlist) -> None:
        """As Rule.apply."""
        shortlist.divide(self._divisor)


@dataclass(frozen=True)
class KeepBest:
    """Keep the k largest logits, k >= 1, and those that equal the last of them."""

    k: int

    def apply(self, shortlist: Shortlist) -> None:
        """As Rule.apply."""
        if (logits := shortlist.unsorted) is not None and self.k < logits.size:
            shortlist.keep_where(logits >= np.partition(logits, -self.k)[-self.k])
            return
        kept = shortlist.kept()
        if self.k < len(kept):
            shortlist.keep(_first_equal(kept, len(kept) - self.k))


@dataclass(frozen=True)
class KeepNear:
    """Keep the logits of at least the largest one plus `below`; below <= 0."""

    below: float

    def apply(self, shortlist: Shortlist) -> None:
        """As Rule.apply."""
        border = shortlist.largest + self.below
        if (logits := shortlist.unsorted) is not None:
            shortlist.keep_where(logits >= border)
        elif first := int(shortlist.kept().searchsorted(border)):
            shortlist.keep(first)


@dataclass(frozen=True)
class KeepMass:
    """Keep the largest logits whose probabilities sum to at least p, and those as likely as the last; 0 <= p < 1."""

    p: float

    def apply(self, shortlist: Shortlist) -> None:
        """As Rule.apply."""
        if (logits := shortlist.unsorted) is not None:
            weights = np.exp(logits - shortlist.largest)
            total = weights.sum()
            # Tokens below an equal share of the tail sum to less than the tail, so what is kept is among the others.
            shortlist.keep_where(weights >= (1 - self.p) * total / weights.size)
        else:
            total = None
        weights = np.exp(shortlist.kept() - shortlist.largest)
        sums = np.add.accumulate(weights[::-1])
        border = self.p * (sums.item(-1) if total is None else total)
        index = min(int(sums.searchsorted(border)), len(sums) - 1)
        if total is not None or _is_sure(sums, index, border):
            shortlist.keep(_first_equal(weights, len(weights) - 1 - index))
        else:
            shortlist.certain = False


@dataclass(frozen=True)
class KeepTypical:
    """Keep the logits whose surprisals are nearest to the entropy and sum to a probability of at least p; 0 <= p < 1.

    Those as near as the last of them are kept, too.
    """

    p: float

    def apply(self, shortlist: Shortlist) -> None:
        """As Rule.apply."""
        shifted = shortlist.kept() - shortlist.largest
        weights = np.exp(shifted)
        total = weights.sum()
        probs, logs = weights / total, shifted - math.log(total)
        possible = weights > 0
        away = np.abs(logs - probs[possible] @ logs[possible])
        order = away.argsort()
        sums = np.add.accumulate(probs[order])
        index = min(int(sums.searchsorted(self.p)), len(sums) - 1)
        near, far = away[order[: index + 1]], away[order[index + 1 :]]
        if _is_sure(sums, index, self.p) and (
            not far.size or far.item(0) > near.item(-1) + MARGIN * (1 + near.item(-1))
        ):
            shortlist.keep(int(order[: index + 1].min()), int(order[: index + 1].max()) + 1)
        else:
            shortlist.certain = False


def _is_sure(sums: Floats, index: int, border: float) -> bool:
    """True if `index` is where rising sums reach the border in whatever order they are added up, or the last one."""
    margin = MARGIN * border
    is_reached = index == len(sums) - 1 or sums.item(index) > border + margin
    return is_reached and (not index or sums.item(index - 1) < border - margin)


def _first_equal(rising: Floats, index: int) -> int:
    """The first index of those with the same number."""
    number = rising.item(index)
    while index and rising.item(index - 1) == number:
        index -= 1
    return index
