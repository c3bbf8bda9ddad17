"""Baselines for forecasts: repeat the last value, repeat the last season, and a linear model of the last values.

Values are normalised, [N, F]. A position p is the last known row; forecasts [P, H, F] are of the rows p + 1 to p + H
for each of P positions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Positions = NDArray[np.int64]

WINDOW = 336  # values that NLinear reads, as published
WINDOWS = 4096  # windows in memory at once
RIDGE = 1e-3  # added to the sums of squares, so that constant columns do not make them singular
LONGEST_SEASON = 1000
MOST_ROWS = 500_000  # the last rows, which show the season
CLEAR = 0.7  # correlation of levels above which their season counts first
LEAST_OF_CHANGES, LEAST_OF_LEVELS = 0.1, 0.3  # lowest correlations of a season, of changes and of levels
NOISE = 4.0  # the lowest correlation in standard deviations of that of noise, 1 / sqrt(N)
NEARLY = 0.9  # share of the best correlation that counts as equally good
FLAT = 1e-9  # relative to the largest value: a smaller spread is rounding


def last_value(values: Array, positions: Positions, horizon: int) -> Array:
    """Forecast the last value H times."""
    repeated: Array = np.repeat(values[positions, None], horizon, axis=1)
    return repeated


def seasonal(values: Array, positions: Positions, horizon: int, season: int) -> Array:
    """Forecast the last known value at the same point of the season; the first row stands in for rows before it."""
    steps = np.arange(horizon) % season - season + 1
    repeated: Array = values[np.maximum(positions[:, None] + steps, 0)]
    return repeated


def find_season(values: Array) -> int:
    """The period of a series in rows, 2 or more; 1 if it has no season. values: [N, F], the training rows.

    The season is the lag at which rows correlate best with themselves, averaged over the columns, or an earlier lag
    that is nearly as good, since a season also correlates at its multiples. No lag within half of it is better. A clear
    season shows in the level, less a straight line. Else changes between rows show one however the level drifts, and
    where they are mostly noise, a long season shows in the level again.
    """
    values = values[-MOST_ROWS:].astype(np.float64)
    levels = _peaks(_correlations(_detrended(values)))
    if max(levels.values(), default=0.0) > CLEAR:
        return _earliest(levels)
    changes = _peaks(_correlations(np.diff(values, axis=0)))
    if max(changes.values(), default=0.0) > max(LEAST_OF_CHANGES, NOISE / math.sqrt(len(values))):
        return _earliest(changes)
    best = max(levels, key=lambda lag: levels[lag], default=1)
    return best if levels.get(best, 0.0) > LEAST_OF_LEVELS else 1


def _earliest(peaks: Mapping[int, float]) -> int:
    """The first lag whose correlation is nearly the highest."""
    return next(lag for lag, height in peaks.items() if height > NEARLY * max(peaks.values()))


def _peaks(correlations: NDArray[np.float64]) -> dict[int, float]:
    """The correlations at the lags, 2 or more, that are the highest within half the lag on either side, in order."""
    return {
        lag: float(correlations[lag])
        for lag in range(2, 1 + 2 * (len(correlations) - 1) // 3)
        if lag == lag - lag // 2 + int(np.argmax(correlations[lag - lag // 2 : lag + lag // 2 + 1]))
    }


def _detrended(values: Array) -> Array:
    """The values minus a straight line fitted to each column."""
    times = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean(0)
    level: Array = centred - np.outer(times, times @ centred / max(1.0, float(times @ times)))
    return level


def _correlations(values: Array) -> NDArray[np.float64]:
    """The autocorrelations of rows [N, F] at lags 0, 1, ..., averaged over columns; empty for too few rows."""
    longest = min(LONGEST_SEASON, len(values) // 3)
    if longest < 2:
        return np.zeros(0)
    centred = values - values.mean(0)
    spread = centred.std(0)
    # Constant columns have no correlations and become 0.
    centred = centred / np.where(spread > FLAT * np.abs(values).max(0), spread, np.inf)
    spectrum = np.fft.rfft(centred, 2 * len(values), axis=0)
    power = (np.abs(spectrum) ** 2).mean(1)
    found: NDArray[np.float64] = np.fft.irfft(power)[: longest + longest // 2 + 1] / len(values)
    return found


class NLinear:
    """A linear model of the next H values given the last W, all relative to the last value, the same for all columns.

    Fitted by least squares over all windows. Zeng et al. 2023, https://arxiv.org/abs/2205.13504, section 4.
    """

    def __init__(self, values: Array, horizon: int, window: int = WINDOW) -> None:
        """values: [N, F], the training rows; with few rows, the window is shortened."""
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
        """[P, H, F]. The first row stands in for rows before it."""
        found = []
        for start in range(0, len(positions), WINDOWS):
            inputs, last = self._inputs(values, positions[start : start + WINDOWS])
            changes = (inputs @ self._weights).reshape(*last.shape, -1)  # [P, F, H]
            found.append(changes.transpose(0, 2, 1) + last[:, None])
        return np.concatenate(found)

    def _inputs(self, values: Array, positions: Positions) -> tuple[Array, Array]:
        """The inputs [P F, W + 1] of each position and column, the last one constant, and the last values [P, F]."""
        last = values[positions].astype(np.float64)
        windows = values[np.maximum(positions[:, None] + np.arange(1 - self.window, 1), 0)] - last[:, None]  # [P, W, F]
        rows = windows.transpose(0, 2, 1).reshape(-1, self.window)
        return np.concatenate((rows, np.ones((len(rows), 1))), 1), last
