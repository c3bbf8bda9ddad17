"""Ranks the units of a state by how well each tells tokens with a label from those without: by its AUC.

The AUC is the probability that the unit is larger at a token inside than at one outside, where a tie counts as a half:
the statistic of Mann and Whitney (1947) over its largest value. Beside it, what chance gives: the best unit for labels
that are moved along the text in a circle, which keeps their runs but not their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from seqshell.core.events.units import UnitScore

SHIFTS = 20
BLOCK = 64  # units that are ranked between two looks at what was pressed


def aucs(values: NDArray[np.floating], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The AUC [U, K] of each unit for each labelling; values [U, T], labels [K, T], each with both kinds of tokens."""
    sums = np.stack([ranks(row) for row in values]) @ labels.T.astype(np.float64)
    inside = labels.sum(1)
    found: NDArray[np.float64] = (sums - inside * (inside + 1) / 2) / (inside * (labels.shape[1] - inside))
    return found


def ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rank of each value [T], from 1; equal values share the mean of their ranks."""
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    found = np.empty(len(values), np.float64)
    if len(starts) == len(values):
        found[order] = np.arange(1, len(values) + 1)
    else:
        sizes = np.diff(starts, append=len(values))
        found[order] = np.repeat(starts + (sizes + 1) / 2, sizes)
    return found


def shifted(labels: NDArray[np.bool_], number: int = SHIFTS) -> NDArray[np.bool_]:
    """The labels [T], moved in a circle by 1 / (number + 1) of the text, 2 / (number + 1), ...: [number, T]."""
    return np.stack([np.roll(labels, len(labels) * place // (number + 1)) for place in range(1, number + 1)])


class Ranking:
    """The ranking of units by their values [U, T] for labels [T]. `steps` ranks them in blocks."""

    def __init__(self, names: Sequence[str], values: NDArray[np.floating], labels: NDArray[np.bool_]) -> None:
        self.done = 0
        self._names, self._values, self._labels = names, values, labels
        self._all = np.concatenate([labels[None], shifted(labels)])
        self._found = np.empty((len(names), 1 + SHIFTS))

    def steps(self) -> Iterator[None]:
        """Rank one block of units after the other."""
        while self.done < len(self._names):
            block = slice(self.done, self.done + BLOCK)
            self._found[block] = aucs(self._values[block], self._all)
            self.done = min(len(self._names), self.done + BLOCK)
            yield

    def best(self) -> tuple[UnitScore, ...]:
        """All units, best first. One that is smaller inside has 1 - AUC and the sign -1."""
        auc = self._found[:, 0]
        folded = np.maximum(auc, 1 - auc)
        order = np.argsort(-folded, kind="stable").tolist()
        return tuple(self._score(place, float(auc[place])) for place in order)

    def chance(self) -> tuple[float, ...]:
        """The best AUC of all units for each of the moved labels."""
        moved = self._found[:, 1:]
        return tuple(np.maximum(moved, 1 - moved).max(0).tolist())

    def _score(self, place: int, auc: float) -> UnitScore:
        values = self._values[place].astype(np.float64)
        with np.errstate(all="ignore"):
            inside, outside = float(values[self._labels].mean()), float(values[~self._labels].mean())
        return UnitScore(self._names[place], max(auc, 1 - auc), 1 if auc >= 0.5 else -1, inside, outside)
