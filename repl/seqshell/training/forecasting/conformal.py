"""Intervals with the stated coverage: conformal prediction on validation rows, for each step and column.

Split conformal prediction of quantiles, by their distances from the point forecast (Romano et al. 2019,
https://arxiv.org/abs/1905.03222; as factors, Sesia & Candès 2020, https://arxiv.org/abs/1909.05433, section 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

CAUTION = 4.0  # independent forecasts at which the two sides of an interval count half as if they were alike
NEIGHBOURS = 1  # steps of the horizon on either side whose errors, brought to the same size, are used too
LEAST = 1e-3  # of a factor
TINY = 1e-12


def distance_factors(
    outputs: NDArray[Any], targets: NDArray[Any], levels: Sequence[float], ages: NDArray[Any]
) -> NDArray[np.float64]:
    """Factors [H, F, Q] for the distances of the quantiles from the point forecast, which give them their levels.

    outputs: [P, H, F, Q] at P positions, the middle quantile is the point; targets: [P, H, F]. ages: [P]; an error of
    age 1 counts half as much as one of age 0. The factor of the point is 1. Few forecasts cannot tell a skewed
    distribution from a drift, so the fewer whole horizons there are, the more errors of both sides count for each side.
    """
    num, horizon, columns, quantiles = outputs.shape
    middle = quantiles // 2
    point = outputs[..., middle].astype(np.float64)
    weights, windows = 0.5**ages, num / horizon
    alike = CAUTION / (CAUTION + windows)
    factors = np.ones((horizon, columns, quantiles))
    for place, level in enumerate(levels):
        if place == middle:
            continue
        side = 1 if place > middle else -1
        # A quantile above the point encloses a value if the value's score is at most its factor; below, likewise.
        distances = np.maximum(side * (outputs[..., place] - point), TINY)
        scores = side * (targets - point) / distances  # [P, H, F]
        share = level if side > 0 else 1 - level
        sizes = np.sqrt(np.maximum((scores**2).mean(0), TINY))  # [H, F]
        for step in range(horizon):
            near = slice(max(0, step - NEIGHBOURS), step + NEIGHBOURS + 1)
            pooled = scores[:, near] / sizes[near] * sizes[step]  # [P, steps, F]
            for column in range(columns):
                found = pooled[:, :, column]
                each = np.repeat(weights, found.shape[1])
                own = weighted_quantile(found.ravel(), each, share * (1 + 1 / num))
                both = weighted_quantile(np.abs(found).ravel(), each, (2 * share - 1) * (1 + 1 / num))
                factors[step, column, place] = (1 - alike) * own + alike * both
    return np.maximum(factors, LEAST)


def weighted_quantile(values: NDArray[Any], weights: NDArray[Any], level: float) -> float:
    """The smallest value with at least the share `level` of the weights at or below it; the largest for a level > 1."""
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(shares, level - TINY)), len(values) - 1)])
