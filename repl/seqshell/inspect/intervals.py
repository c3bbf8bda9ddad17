"""Confidence intervals of shares."""

from __future__ import annotations

import math

Z95 = 1.959964  # the standard normal distribution is within +-Z95 with a probability of 95 %


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a binomial share (Wilson 1927), also for shares of 0 or 1. trials: at least 1."""
    share, squared = successes / trials, z * z
    middle = (share + squared / (2 * trials)) / (1 + squared / trials)
    half = z / (1 + squared / trials) * math.sqrt(share * (1 - share) / trials + squared / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)
