"""What every forecast must stand beside: the last value again, the last season again, and a line through the last values.

Values are normalised, [N, F]. A position p is a row up to which, itself included, everything is known; forecasts are [P, H, F], the rows
p + 1 to p + H for each of P positions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
Positions = NDArray[np.int64]

WINDOW = 336  # values that the line is laid through: what NLinear was published with
PIECE = 4096  # windows that are held at once
RIDGE = 1e-3  # added to the sums of squares, so that columns that never change do no harm
LONGEST_SEASON = 1000


def last_value(values: Values, positions: Positions, horizon: int) -> Values:
    """The last value, H times."""
    again: Values = np.repeat(values[positions, None], horizon, axis=1)
    return again


def seasonal(values: Values, positions: Positions, horizon: int, season: int) -> Values:
    """What was `season` rows earlier, or as many seasons as it takes to know it; before the first row, the first."""
    steps = np.arange(horizon) % season - season + 1
    again: Values = values[np.maximum(positions[:, None] + steps, 0)]
    return again


def find_season(values: Values) -> int:
    """After how many rows, 2 or more, a series changes most as it did before: where its differences correlate best with themselves, all
    columns together. 1 where they nowhere do."""
    changes = np.diff(values.astype(np.float64), axis=0)
    longest = min(LONGEST_SEASON, len(changes) // 3)
    if longest < 2:
        return 1
    changes = (changes - changes.mean(0)) / np.where(changes.std(0) > 0, changes.std(0), 1)
    spectrum = np.fft.rfft(changes, 2 * len(changes), axis=0)
    products = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[: longest + 1].sum(1)  # at each lag
    best = 2 + int(np.argmax(products[2:]))
    return best if products[best] > 0 else 1


class NLinear:
    """Each of the H next values less the last one as a linear function of the last W values less the last one, the same for all columns
    (Zeng et al. 2023, https://arxiv.org/abs/2205.13504, section 4), by least squares over all windows of the rows that it is given."""

    def __init__(self, values: Values, horizon: int, window: int = WINDOW) -> None:
        """values: [N, F], the rows to train on; the window is shortened where they are few."""
        self.window = max(1, min(window, (len(values) - horizon) // 4))
        size = self.window + 1
        squares, products = np.zeros((size, size)), np.zeros((size, horizon))
        positions = np.arange(self.window - 1, len(values) - horizon)
        for start in range(0, len(positions), PIECE):
            some = positions[start : start + PIECE]
            inputs, last = self._inputs(values, some)
            targets = values[some[:, None] + np.arange(1, horizon + 1)] - last[:, None]  # [P, H, F]
            targets = targets.transpose(0, 2, 1).reshape(-1, horizon)
            squares += inputs.T @ inputs
            products += inputs.T @ targets
        self._weights = np.linalg.solve(squares + RIDGE * np.eye(size), products)  # [W + 1, H]

    def __call__(self, values: Values, positions: Positions) -> Values:
        """[P, H, F]. Before the first row the window holds the first one."""
        found = []
        for start in range(0, len(positions), PIECE):
            inputs, last = self._inputs(values, positions[start : start + PIECE])
            changes = (inputs @ self._weights).reshape(*last.shape, -1)  # [P, F, H]
            found.append(changes.transpose(0, 2, 1) + last[:, None])
        return np.concatenate(found)

    def _inputs(self, values: Values, positions: Positions) -> tuple[Values, Values]:
        """A row for each position and column, [P F, W + 1], the last one a constant, and the last values [P, F]."""
        last = values[positions].astype(np.float64)
        windows = values[np.maximum(positions[:, None] + np.arange(1 - self.window, 1), 0)] - last[:, None]  # [P, W, F]
        rows = windows.transpose(0, 2, 1).reshape(-1, self.window)
        return np.concatenate((rows, np.ones((len(rows), 1))), 1), last
