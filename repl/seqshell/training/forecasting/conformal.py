"""Intervals with the stated coverage: conformal prediction from past errors, for each step and column.

Split conformal prediction of quantiles, by their distances from the point forecast (Romano et al. 2019,
https://arxiv.org/abs/1905.03222; as factors, Sesia & Candès 2020, https://arxiv.org/abs/1909.05433, section 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

CAUTION = 4.0  # independent forecasts at which the two sides of an interval count half as if they were alike
NEIGHBOURS = 1  # steps of the horizon on either side whose errors, brought to the same size, are used too
LEAST = 1e-3  # of a factor
TINY = 1e-12


def distance_factors(outputs: NDArray[Any], targets: NDArray[Any], levels: Sequence[float]) -> NDArray[np.float64]:
    """Factors [H, F, Q] for the distances of the quantiles from the point forecast, which give them their levels.

    outputs: [P, H, F, Q] at P positions, the middle quantile is the point; targets: [P, H, F]. The factor of the
    point is 1. Few forecasts cannot tell a skewed distribution from a drift, so the fewer whole horizons there are, the
    more errors of both sides count for each side.
    """
    num, horizon, columns, quantiles = outputs.shape
    middle = quantiles // 2
    point = outputs[..., middle].astype(np.float64)
    alike = CAUTION / (CAUTION + num / horizon)
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
                own = quantile(found, share * (1 + 1 / num))
                both = quantile(np.abs(found), (2 * share - 1) * (1 + 1 / num))
                factors[step, column, place] = (1 - alike) * own + alike * both
    return np.maximum(factors, LEAST)


def quantile(values: NDArray[Any], level: float) -> float:
    """The smallest value with at least the share `level` of the values at or below it; the largest for a level > 1."""
    place = min(max(math.ceil(level * values.size - TINY * values.size), 1), values.size) - 1
    return float(np.partition(values, place, None)[place])
