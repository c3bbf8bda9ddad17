"""How finished hypotheses of different lengths are compared: by log-probability, length and how much of the source was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

GNMT, AVERAGE, NONE = "gnmt", "average", "none"
LEAST = float(
    np.finfo(np.float32).tiny
)  # attention below is rounding; a word that was never looked at must not make a score -inf


@dataclass(frozen=True)
class Scoring:
    """score = log_prob / divisor(length) + coverage_penalty * sum over the source of log(min(coverage, 1)).

    The divisor is ((5 + length) / 6) ** length_penalty ("gnmt": Wu et al. 2016, https://arxiv.org/abs/1609.08144, equation 14),
    the length itself ("average"), or 1 ("none").
    """

    normalise: str = GNMT
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0

    def score(self, log_prob: float, length: int, coverage: NDArray[Any] | None = None) -> float:
        """length: tokens, the EOS counted; coverage [S]: the attention that each source position got over all steps."""
        score = log_prob / self._divisor(length)
        if coverage is not None:
            score += self.coverage_penalty * float(np.log(np.clip(coverage, LEAST, 1.0)).sum())
        return score

    def bound(self, log_prob: float, max_length: int) -> float:
        """What no hypothesis that goes on from here can beat: log-probabilities only fall, the divisor only grows."""
        return log_prob / self._divisor(max_length)

    def _divisor(self, length: int) -> float:
        if self.normalise == GNMT:
            return float(((5 + length) / 6) ** self.length_penalty)
        return length if self.normalise == AVERAGE else 1.0
