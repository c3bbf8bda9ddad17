"""The linear part of a forecaster: a mixture of linear maps of the last values, fitted to the training rows.

A map forecasts how much the next H values differ from the last one, in the same way for all columns. It reads the last
W values relative to the last one, and in the place of the last one, whose difference would be 0, the value itself.
Candidates are fitted by least squares over several windows, with and without that value, since a series may have a mean
to return to or not, and are shrunk by several strengths towards a naive forecast: the last value, the last season, or
the last season's changes. Their weights in the mixture, which is again one linear map, are chosen on the validation
rows.

Values are normalised, [N, F]; a position is the last known row, as in `baselines`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Numbers = NDArray[np.float64]
Positions = NDArray[np.int64]

WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128, 336)  # candidates for the window, beside multiples of the season
RIDGES = (1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)  # strengths of the shrinkage, relative to the mean square of inputs
LEAST_SEASONAL_RIDGE = 1e-2  # weaker shrinkage towards a season and towards the last value is nearly the same
ROWS_PER_VALUE = 3  # training rows for each value of the longest window
MOST_FITTED, MOST_VALIDATED = 100_000, 1000  # positions, evenly spaced, of longer series
CHUNK = 1 << 22  # numbers in memory at once
CAUTION = 4.0  # independent forecasts at which half of the weights are likelihoods
SMALLEST = 1e-12  # mean squares and weights below it are rounding
MOST_MOVES = 5000  # of weight between two candidates


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
    candidates = list(_candidates(training, horizon, season, longest))
    squares = _error_products(candidates, validation, horizon)
    rows = sum(len(positions) + horizon - 1 for _, positions in validation)
    cautious = np.array([not candidate[-2].any() for candidate in candidates])
    shares = mixture(squares, rows / horizon, cautious)
    total = np.zeros((longest + 1, horizon))
    for share, candidate in zip(shares, candidates, strict=True):
        if share > SMALLEST:
            total[longest + 1 - len(candidate) :] += share * candidate
    return LinearMap(total[:-1], total[-1])


def mixture(squares: Numbers, num_independent: float, cautious: NDArray[np.bool_]) -> Numbers:
    """The weights [C] of the candidates, positive with sum 1, given the mean products of their errors [C, C].

    One part of each weight minimises the error of the mixture. The other part is the candidate's likelihood, as if
    num_independent forecasts were independent and normal: few of them cannot tell good candidates apart, and the mean
    of many candidates is safer than the best one. The fewer they are, the larger is this part. Only candidates that are
    cautious [C], which do not read the level of the series, have a share in it.
    """
    errors = np.maximum(np.diag(squares), SMALLEST)
    likely = np.where(cautious, np.exp(-num_independent / 2 * (errors / errors[cautious].min() - 1)), 0.0)
    best = np.zeros(len(errors))
    best[errors.argmin()] = 1.0
    scaled = squares / errors.min()
    # Pairwise Frank-Wolfe (Lacoste-Julien & Jaggi 2015, https://arxiv.org/abs/1511.05932): move weight from the
    # candidate with the largest gradient to the one with the smallest, as far as the error falls.
    for _ in range(MOST_MOVES):
        gradient = scaled @ best
        to, source = int(gradient.argmin()), int(np.where(best > 0, gradient, -np.inf).argmax())
        gain = gradient[source] - gradient[to]
        if gain < 1e-9:
            break
        curve = scaled[to, to] - 2 * scaled[to, source] + scaled[source, source]
        moved = min(best[source], gain / max(curve, SMALLEST))
        best[to] += moved
        best[source] = 0.0 if moved == best[source] else best[source] - moved
    caution = CAUTION / (CAUTION + num_independent)
    mixed: Numbers = (1 - caution) * best + caution * likely / likely.sum()
    return mixed


def _candidates(training: Sequence[Array], horizon: int, season: int, longest: int) -> Iterator[Numbers]:
    """Yield the matrices [W + 1, H] of linear maps: naive forecasts, and least squares shrunk towards them."""
    yield np.zeros((2, horizon))  # the last value
    if 1 < season < longest:
        yield from _seasonal(season, season + 1, horizon)
    for window in _windows(max(map(len, training)), horizon, season, longest):
        products = _products(training, window, horizon)
        if products is None:
            continue
        naive = [np.zeros((window + 1, horizon)), *(_seasonal(season, window, horizon) if 1 < season < window else ())]
        for ridge in RIDGES:
            for number, target in enumerate(naive):
                if not number or ridge >= LEAST_SEASONAL_RIDGE:
                    yield _shrunk(*products, target, ridge)
            yield _shrunk(*products, naive[0], ridge, has_level=False)


def _seasonal(season: int, window: int, horizon: int) -> tuple[Numbers, Numbers]:
    """The last season as a linear map [W + 1, H] of W > season values, and the same plus the change over a season."""
    level = np.zeros((window + 1, horizon))
    steps = np.arange(horizon)
    level[window - season + steps % season, steps] = 1.0
    change = level.copy()
    change[window - 1 - season] -= 1.0
    return level, change


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


def _shrunk(
    squares: Numbers, products: Numbers, number: int, naive: Numbers, ridge: float, *, has_level: bool = True
) -> Numbers:
    """The least squares, shrunk towards the map `naive`; the bias too. has_level: with the last value as an input."""
    usual = max(float(np.diag(squares)[:-1].mean()), SMALLEST * number)
    penalty = np.full(len(squares), ridge * usual)
    penalty[-1] = ridge * number
    if not has_level:
        squares, products = squares.copy(), products.copy()
        squares[-2], squares[:, -2], products[-2], penalty[-2] = 0.0, 0.0, 0.0, 1.0
    found: Numbers = naive + np.linalg.solve(squares + np.diag(penalty), products - squares @ naive)
    return found


def _error_products(
    candidates: Sequence[Numbers], validation: Sequence[tuple[Array, Positions]], horizon: int
) -> Numbers:
    """The mean products [C, C] of the candidates' errors on the validation rows."""
    squares: Numbers = np.zeros((len(candidates), len(candidates)))
    number = 0
    longest = max(map(len, candidates)) - 1
    step = max(1, sum(len(positions) for _, positions in validation) // MOST_VALIDATED)
    for values, positions in validation:
        for some in _chunks(positions[::step], (len(candidates) * horizon + longest) * values.shape[1]):
            inputs, last = window_inputs(values, some, longest)
            changes = values[some[:, None] + np.arange(1, horizon + 1)] - last[:, None]  # [P, H, F]
            targets = changes.transpose(0, 2, 1).reshape(-1, horizon)
            errors = np.stack([(inputs[:, -len(each) :] @ each - targets).ravel() for each in candidates])
            squares += errors @ errors.T
            number += errors.shape[1]
    return squares / max(1, number)


def _chunks(positions: Positions, size: int) -> Iterator[Positions]:
    """Split positions so that `size` numbers for each of them fit into memory."""
    step = max(1, CHUNK // size)
    for start in range(0, len(positions), step):
        yield positions[start : start + step]
