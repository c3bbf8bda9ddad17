"""Scores that compare finished hypotheses of different lengths: by log-probability, length and coverage of the source.

A log-probability falls with every token, so the sums alone favour short answers. Dividing by a function that grows with
the length makes them comparable. Invariant for the search: the divisor never falls with the length, so `bound` is an
upper bound of every score that a live hypothesis can still reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

GNMT, AVERAGE, NONE = "gnmt", "average", "none"
LEAST = float(np.finfo(np.float32).tiny)  # of attention; a source word without any must not make the score -inf


@dataclass(frozen=True)
class Scoring:
    """score = log_prob / divisor(length) + coverage_penalty * sum over the source of log(min(coverage, 1)).

    The divisor is ((5 + length) / 6) ** length_penalty ("gnmt": Wu et al. 2016, https://arxiv.org/abs/1609.08144,
    equation 14), the length itself ("average"), or 1 ("none").
    """

    normalise: str = GNMT
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0

    def score(self, log_prob: float, length: int, coverage: NDArray[Any] | None = None) -> float:
        """length: in tokens, including EOS. coverage [S]: the total attention that each source position got."""
        score = log_prob / self._divisor(length)
        if coverage is not None:
            score += self.coverage_penalty * float(np.log(np.clip(coverage, LEAST, 1.0)).sum())
        return score

    def bound(self, log_prob: float, max_length: int) -> float:
        """An upper bound for all continuations: log-probabilities only fall, and the divisor only grows."""
        return log_prob / self._divisor(max_length)

    def _divisor(self, length: int) -> float:
        if self.normalise == GNMT:
            return float(((5 + length) / 6) ** self.length_penalty)
        return length if self.normalise == AVERAGE else 1.0
