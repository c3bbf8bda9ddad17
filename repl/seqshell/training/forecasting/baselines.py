"""What every forecast must stand beside: the last value again, the last season again, and a line through the last values.

Values are normalised, [N, F]. A position p is a row up to which, itself included, everything is known; forecasts are [P, H, F], the rows
p + 1 to p + H for each of P positions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Positions = NDArray[np.int64]

WINDOW = 336  # values that the line is laid through: what NLinear was published with
WINDOWS = 4096  # windows that are held at once
RIDGE = 1e-3  # added to the sums of squares, so that columns that never change do no harm
LONGEST_SEASON = 1000
LEAST_OF_CHANGES, LEAST_OF_LEVELS = 0.1, 0.3  # correlations from which on there is a season
NOISE = 4.0  # standard deviations of the correlations of noise, each 1 / sqrt(N)
NEARLY = 0.9  # of the best correlation
FLAT = 1e-9  # of the largest value: less is rounding


def last_value(values: Array, positions: Positions, horizon: int) -> Array:
    """The last value, H times."""
    again: Array = np.repeat(values[positions, None], horizon, axis=1)
    return again


def seasonal(values: Array, positions: Positions, horizon: int, season: int) -> Array:
    """What was `season` rows earlier, or as many seasons as it takes to know it; before the first row, the first."""
    steps = np.arange(horizon) % season - season + 1
    again: Array = values[np.maximum(positions[:, None] + steps, 0)]
    return again


def find_season(values: Array) -> int:
    """After how many rows, 2 or more, a series does again what it did; 1 where it has no season. values: [N, F], the rows to train on.

    What changes from row to row tells of a season however the level drifts: the lag at which changes correlate best with themselves, on the average
    of the columns, or an earlier one that is nearly as good, for a season comes again at its multiples. Where changes are mostly noise, a long season
    shows in the level about its trend. Either way no lag within half of it is better.
    """
    changes, enough = (
        _correlations(np.diff(values.astype(np.float64), axis=0)),
        max(LEAST_OF_CHANGES, NOISE / math.sqrt(len(values))),
    )
    peaks = _peaks(changes)
    highest = max(peaks.values(), default=0.0)
    if highest > enough:
        return next(lag for lag, height in peaks.items() if height > NEARLY * highest)
    peaks = _peaks(_correlations(_detrended(values.astype(np.float64))))
    best = max(peaks, key=lambda lag: peaks[lag], default=1)
    return best if peaks.get(best, 0.0) > LEAST_OF_LEVELS else 1


def _peaks(correlations: NDArray[np.float64]) -> dict[int, float]:
    """The lags, 2 or more, in order, that have no higher correlation within half of them on either side, and theirs."""
    return {
        lag: float(correlations[lag])
        for lag in range(2, 1 + 2 * (len(correlations) - 1) // 3)
        if lag == lag - lag // 2 + int(np.argmax(correlations[lag - lag // 2 : lag + lag // 2 + 1]))
    }


def _detrended(values: Array) -> Array:
    """Values less the straight line through each column."""
    times = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean(0)
    level: Array = centred - np.outer(times, times @ centred / max(1.0, float(times @ times)))
    return level


def _correlations(values: Array) -> NDArray[np.float64]:
    """How rows [N, F] correlate with those 0, 1, 2, ... earlier, on the average of the columns; empty where they are too few to tell."""
    longest = min(LONGEST_SEASON, len(values) // 3)
    if longest < 2:
        return np.zeros(0)
    centred = values - values.mean(0)
    spread = centred.std(0)
    centred = centred / np.where(
        spread > FLAT * np.abs(values).max(0), spread, np.inf
    )  # a column that does not move says nothing
    spectrum = np.fft.rfft(centred, 2 * len(values), axis=0)
    found: NDArray[np.float64] = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[: longest + longest // 2 + 1].mean(
        1
    ) / len(values)
    return found


class NLinear:
    """Each of the H next values less the last one as a linear function of the last W values less the last one, the same for all columns
    (Zeng et al. 2023, https://arxiv.org/abs/2205.13504, section 4), by least squares over all windows of the rows that it is given."""

    def __init__(self, values: Array, horizon: int, window: int = WINDOW) -> None:
        """values: [N, F], the rows to train on; the window is shortened where they are few."""
        self.window = max(1, min(window, (len(values) - horizon) // 4))
        size = self.window + 1
        squares, products = np.zeros((size, size)), np.zeros((size, horizon))
        positions = np.arange(self.window - 1, len(values) - horizon)
        for start in range(0, len(positions), WINDOWS):
            some = positions[start : start + WINDOWS]
            inputs, last = self._inputs(values, some)
            targets = values[some[:, None] + np.arange(1, horizon + 1)] - last[:, None]  # [P, H, F]
            targets = targets.transpose(0, 2, 1).reshape(-1, horizon)
            squares += inputs.T @ inputs
            products += inputs.T @ targets
        self._weights = np.linalg.solve(squares + RIDGE * np.eye(size), products)  # [W + 1, H]

    def __call__(self, values: Array, positions: Positions) -> Array:
        """[P, H, F]. Before the first row the window holds the first one."""
        found = []
        for start in range(0, len(positions), WINDOWS):
            inputs, last = self._inputs(values, positions[start : start + WINDOWS])
            changes = (inputs @ self._weights).reshape(*last.shape, -1)  # [P, F, H]
            found.append(changes.transpose(0, 2, 1) + last[:, None])
        return np.concatenate(found)

    def _inputs(self, values: Array, positions: Positions) -> tuple[Array, Array]:
        """A row for each position and column, [P F, W + 1], the last one a constant, and the last values [P, F]."""
        last = values[positions].astype(np.float64)
        windows = values[np.maximum(positions[:, None] + np.arange(1 - self.window, 1), 0)] - last[:, None]  # [P, W, F]
        rows = windows.transpose(0, 2, 1).reshape(-1, self.window)
        return np.concatenate((rows, np.ones((len(rows), 1))), 1), last
