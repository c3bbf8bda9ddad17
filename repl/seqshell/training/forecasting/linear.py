"""The linear part of a forecaster: a mixture of linear maps of the last values, fitted to the training rows.

A map forecasts how much the next H values differ from the last one, in the same way for all columns. It reads the last
W values relative to the last one, and in the place of the last one, whose difference would be 0, the value itself: only
if the series returns to a level, since any few hundred rows of a random walk seem to. Candidates are the last value,
the last season, and least squares over several windows, shrunk by several strengths towards the last value. The
validation rows give each candidate a weight in the mixture, which is again one linear map. Hardly anything forecasts a
random walk better than its last value, so if the training rows look like one, the last value has a large prior weight.

Values are normalised, [N, F]; a position is the last known row, as in `baselines`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.training.forecasting.baselines import MOST_ROWS

Array = NDArray[Any]
Numbers = NDArray[np.float64]
Positions = NDArray[np.int64]

WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128, 336)  # candidates for the window, beside multiples of the season
RIDGES = (1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)  # strengths of the shrinkage, relative to the mean square of inputs
ROWS_PER_VALUE = 3  # training rows for each value of the longest window
MOST_FITTED, MOST_VALIDATED = 100_000, 1000  # positions, evenly spaced, of longer series
CHUNK = 1 << 22  # numbers in memory at once
MOST_INPUTS = 1 << 25  # numbers of the last rows that show whether a series returns to a level
# Prior weights: of each naive forecast, and of the last value of a random walk, where those of all least squares have
# the sum 1; and of one that reads the last value itself, relative to one that does not.
NAIVE, RANDOM_WALK, LEVEL = 0.1, 30.0, 0.2
EVIDENCE = 2.0  # of a whole horizon of validation rows, in independent forecasts: its windows overlap in part only
EXPONENT = 1.5  # of the sizes of errors on the validation rows
UNIT_ROOT = -3.43  # Dickey-Fuller statistic of a random walk, undercut in 1 % of cases (MacKinnon 2010)
PERSISTENT = 3.0  # variance ratio above which changes go on in their direction too long for a random walk
SMALLEST = 1e-12  # mean squares and weights below it are rounding


@dataclass(frozen=True)
class LinearMap:
    """The next H values minus the last one: weight [W, H] times the inputs of `window_inputs`, plus bias [H]."""

    weight: Numbers
    bias: Numbers

    def __call__(self, values: Array, positions: Positions) -> Numbers:
        """Forecasts [P, H, F]; the first row stands in for rows before it."""
        found = []
        for some in _chunks(positions, len(self.weight) * values.shape[1]):
            inputs, last = window_inputs(values, some, len(self.weight))
            changes = (inputs @ self._matrix).reshape(*last.shape, -1)  # [P, F, H]
            found.append(changes.transpose(0, 2, 1) + last[:, None])
        return np.concatenate(found)

    @property
    def window(self) -> int:
        """The number of last values that matter."""
        used = np.flatnonzero(np.abs(self.weight).max(1) > SMALLEST)
        return len(self.weight) - int(used[0]) if len(used) else 1

    @property
    def _matrix(self) -> Numbers:
        return np.concatenate((self.weight, self.bias[None]))


def window_inputs(values: Array, positions: Positions, window: int) -> tuple[Numbers, Numbers]:
    """The inputs [P F, W + 1] of each position and column, and the last values [P, F].

    The inputs are the last W - 1 differences from the last value, the last value, and a constant.
    """
    last = values[positions].astype(np.float64)
    windows = values[np.maximum(positions[:, None] + np.arange(1 - window, 1), 0)] - last[:, None]  # [P, W, F]
    windows[:, -1] = last
    rows = windows.transpose(0, 2, 1).reshape(-1, window)
    return np.concatenate((rows, np.ones((len(rows), 1))), 1), last


def fit_linear(
    training: Sequence[Array], validation: Sequence[tuple[Array, Positions]], horizon: int, season: int, longest: int
) -> LinearMap:
    """Fit the candidates with windows up to `longest` to the training rows, and mix them on the validation rows.

    training: rows [N, F] of each series. validation: rows of each series, and the positions that a whole horizon of
    validation rows follows. season: 1 for none.
    """
    returns = returns_to_level(training, season)
    is_walk = season == 1 and not returns and variance_ratio(training, horizon) < PERSISTENT
    naive = _naive(horizon, season, longest)
    fitted = list(_fitted(training, horizon, season, longest, has_level=returns))
    candidates = [*naive, *(matrix for matrix, _ in fitted)]
    weights = np.array([weight for _, weight in fitted])
    priors = np.array([*(RANDOM_WALK if is_walk else NAIVE for _ in naive), *weights / weights.sum()])
    rows = sum(len(positions) + horizon - 1 for _, positions in validation)
    errors = typical_errors(candidates, validation, horizon)
    shares = posteriors(priors, errors, EVIDENCE * rows / horizon)
    total = np.zeros((longest + 1, horizon))
    for share, candidate in zip(shares, candidates, strict=True):
        if share > SMALLEST:
            total[longest + 1 - len(candidate) :] += share * candidate
    return LinearMap(total[:-1], total[-1])


def posteriors(priors: Numbers, errors: Numbers, num_independent: float) -> Numbers:
    """The weights [C] of candidates, with sum 1, given prior weights [C] and squared errors [C].

    Priors are multiplied by likelihoods, as if num_independent forecasts were independent and normal with the variance
    of the best candidate. Few forecasts cannot tell good candidates apart, and the mean of many is safer than one.
    """
    errors = np.maximum(errors, SMALLEST)
    found: Numbers = priors * np.exp(-num_independent / 2 * (errors / errors.min() - 1))
    found /= found.sum()
    return found


def _naive(horizon: int, season: int, longest: int) -> list[Numbers]:
    """The last value, and the last season if it fits, as linear maps [W + 1, H]."""
    if not 1 < season < longest:
        return [np.zeros((2, horizon))]
    repeated = np.zeros((season + 2, horizon))  # a season back from each step, relative to the last value
    steps = np.arange(horizon)
    repeated[1 + steps % season, steps] = 1.0
    repeated[season] = 0.0  # the last value itself
    return [np.zeros((2, horizon)), repeated]


def _fitted(
    training: Sequence[Array], horizon: int, season: int, longest: int, *, has_level: bool
) -> Iterator[tuple[Numbers, float]]:
    """Yield the matrices [W + 1, H] of least squares over each window, by the strength of the shrinkage, and weights.

    has_level: also those with the last value itself as an input.
    """
    for window in _windows(max(map(len, training)), horizon, season, longest):
        products = _products(training, window, horizon)
        if products is not None:
            for ridge in RIDGES:
                yield _shrunk(*products, ridge, has_level=False), 1.0
                if has_level:
                    yield _shrunk(*products, ridge, has_level=True), LEVEL


def returns_to_level(training: Sequence[Array], season: int) -> bool:
    """True if the columns return to a level, by the augmented Dickey-Fuller test, on average over columns and series.

    Said & Dickey 1984, https://doi.org/10.1093/biomet/71.3.599; lags as Schwert 1989,
    https://doi.org/10.1080/07350015.1989.10509723, but no fewer than a season.
    """
    found = []
    for values in training:
        window = 1 + max(season, int(4 * (len(values) / 100) ** 0.25))
        values = values[-max(3 * window, MOST_INPUTS // window) :]
        positions = np.arange(window - 1, len(values) - 1)
        if len(positions) <= 2 * window:
            return False
        for column in values.T:
            inputs, last = window_inputs(column[:, None], positions, window)
            inverse: Array = np.linalg.pinv(inputs.T @ inputs)
            changes = column[positions + 1] - last[:, 0]
            weight = inverse @ (inputs.T @ changes)
            spread = np.sum((changes - inputs @ weight) ** 2) / (len(inputs) - window - 1) * inverse[-2, -2]
            found.append(weight[-2] / math.sqrt(max(spread, SMALLEST)))
    return bool(np.mean(found) < UNIT_ROOT)


def variance_ratio(training: Sequence[Array], horizon: int) -> float:
    """The variance of changes over the horizon, divided by that of H independent changes over one step.

    It is about 1 for a random walk and larger if changes go on in their direction; a mean over columns and series.
    Lo & MacKinlay 1988, https://doi.org/10.1093/rfs/1.1.41.
    """
    found = []
    for values in training:
        values = values[-MOST_ROWS:]
        changes = np.diff(values.astype(np.float64), axis=0)
        if len(values) > horizon:
            over = values[horizon:] - values[:-horizon] - horizon * changes.mean(0)
            found.append(((over**2).mean(0) / np.maximum(horizon * changes.var(0), SMALLEST)).mean())
    return float(np.mean(found)) if found else 1.0


def _windows(rows: int, horizon: int, season: int, longest: int) -> list[int]:
    """The windows to try, given the rows of the longest series."""
    spare = max(1, rows - horizon)
    most = max(1, min(longest, spare // ROWS_PER_VALUE))
    seasons = [times * season + more for times in (1, 2, 3, 4) for more in (0, 1) if season > 1]
    return sorted({most, *(size for size in (*WINDOWS, *seasons, spare // 4) if 1 <= size <= most)})


def _products(training: Sequence[Array], window: int, horizon: int) -> tuple[Numbers, Numbers, int] | None:
    """The inputs' products with themselves [W + 1, W + 1] and with targets [W + 1, H], and their number.

    None if no window fits.
    """
    squares: Numbers = np.zeros((window + 1, window + 1))
    products: Numbers = np.zeros((window + 1, horizon))
    number = 0
    step = max(1, sum(map(np.size, training)) // MOST_FITTED)
    for values in training:
        positions = np.arange(window - 1, len(values) - horizon, step)
        for some in _chunks(positions, (window + horizon) * values.shape[1]):
            inputs, last = window_inputs(values, some, window)
            targets = values[some[:, None] + np.arange(1, horizon + 1)] - last[:, None]  # [P, H, F]
            squares += inputs.T @ inputs
            products += inputs.T @ targets.transpose(0, 2, 1).reshape(-1, horizon)
            number += len(inputs)
    return (squares, products, number) if number else None


def _shrunk(squares: Numbers, products: Numbers, number: int, ridge: float, *, has_level: bool) -> Numbers:
    """The least squares, shrunk towards the last value; the bias too. has_level: with the last value as an input."""
    usual = max(float(np.diag(squares)[:-1].mean()), SMALLEST * number)
    penalty = np.full(len(squares), ridge * usual)
    penalty[-1] = ridge * number
    if not has_level:
        squares, products = squares.copy(), products.copy()
        squares[-2], squares[:, -2], products[-2], penalty[-2] = 0.0, 0.0, 0.0, 1.0
    found: Array = np.linalg.solve(squares + np.diag(penalty), products)
    return found


def typical_errors(
    candidates: Sequence[Numbers], validation: Sequence[tuple[Array, Positions]], horizon: int
) -> Numbers:
    """The squared sizes [C] of the candidates' errors on the validation rows: those of a power mean over forecasts.

    The size of a forecast's error is the root of its mean square. Sizes count by their EXPONENT, between the absolute
    and the squared size, so that a few rough stretches of time do not decide alone.
    """
    found = []
    longest = max(map(len, candidates)) - 1
    step = max(1, sum(len(positions) for _, positions in validation) // MOST_VALIDATED)
    for values, positions in validation:
        for some in _chunks(positions[::step], (horizon + longest) * values.shape[1]):
            inputs, last = window_inputs(values, some, longest)
            changes = values[some[:, None] + np.arange(1, horizon + 1)] - last[:, None]  # [P, H, F]
            targets = changes.transpose(0, 2, 1).reshape(-1, horizon)
            squares = [((inputs[:, -len(each) :] @ each - targets) ** 2).reshape(len(some), -1) for each in candidates]
            found.append(np.array([square.mean(1) for square in squares]))  # [C, P]
    powers = np.concatenate(found, 1) ** (EXPONENT / 2)
    errors: Numbers = powers.mean(1) ** (2 / EXPONENT)
    return errors


def _chunks(positions: Positions, size: int) -> Iterator[Positions]:
    """Split positions so that `size` numbers for each of them fit into memory."""
    step = max(1, CHUNK // size)
    for start in range(0, len(positions), step):
        yield positions[start : start + step]
