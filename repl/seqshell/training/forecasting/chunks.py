"""Chunks of the training rows of one series or several, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.training.objective import TrainingBatch
from seqshell.training.recipes.settings import TrainingSettings


@dataclass(frozen=True)
class Chunks:
    """The chunks of an epoch: each position that is followed by a whole horizon of training rows is in one of them.

    series: the training rows [N, F] of each series; no chunk has rows of two. window: rows that the module reads.
    """

    series: Sequence[NDArray[np.float32]]
    horizon: int
    window: int
    settings: TrainingSettings

    @property
    def positions(self) -> list[int]:
        """The number of training rows of each series that are followed by a whole horizon of training rows."""
        return [len(values) - self.horizon for values in self.series]

    @property
    def length(self) -> int:
        """Positions with targets in each chunk; at least four chunks fit into the shortest series."""
        return max(1, min(self.settings.sequence_length, min(self.positions) // 4))

    @property
    def number(self) -> int:
        """The number of chunks in an epoch."""
        return sum(positions // self.length for positions in self.positions)

    @property
    def batch_size(self) -> int:
        return max(1, min(self.settings.batch_size, self.number))

    @property
    def context(self) -> int:
        """Rows read before each chunk, only for the state: the larger of the module's window and `length`."""
        return max(self.length, self.window)

    @property
    def num_batches(self) -> int:
        return -(-self.number // self.batch_size)

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """(context [B, C, F], inputs [B, T, F], targets [B, T, K, F]); an epoch has every chunk once, in random order.

        The first training row of its series stands in for context rows before it. For a random share `state_zeroing`
        of the chunks the context is shortened in the same way, up to none: a user's series often begins without a past.
        """
        draws = np.random.default_rng((self.settings.seed, order))
        values = joined(self.series)
        ends = np.cumsum([len(one) for one in self.series])
        firsts = ends - [len(one) for one in self.series]
        found = [
            first_row + np.arange(draws.integers(positions % self.length + 1), positions - self.length + 1, self.length)
            for first_row, positions in zip(firsts, self.positions, strict=True)
        ]
        starts = draws.permutation(np.concatenate(found))
        low = firsts[np.searchsorted(ends, starts, "right")]  # the first row of each chunk's series
        shortened = draws.random(len(starts)) < self.settings.state_zeroing
        begins = np.where(shortened, np.maximum(starts - draws.integers(self.context + 1, size=len(starts)), low), low)
        for number in range(first, self.num_batches):
            rows = slice(number * self.batch_size, (number + 1) * self.batch_size)
            start, begin = starts[rows, None], begins[rows, None]
            at = start + np.arange(self.length)  # [B, T]
            before = np.maximum(start + np.arange(-self.context, 0), begin)  # [B, C]
            yield values[before], values[at], values[at[..., None] + np.arange(1, self.horizon + 1)]


def joined(series: Sequence[NDArray[np.float32]]) -> NDArray[Any]:
    """The rows of several series one after the other; those of a single one are not copied."""
    return series[0] if len(series) == 1 else np.concatenate(series)
