"""Mirostat 2.0 (Basu et al. 2021, https://arxiv.org/abs/2007.14966): truncation to a target surprisal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import SampleContext, log_probs, setting

BITS = 1 / math.log(2)  # bits in a nat


@dataclass(frozen=True)
class Mirostat:
    """Remove the tokens whose surprisal is above mu, and adapt mu to the surprisal of the drawn tokens.

    mu starts at 2 tau. After each draw mu <- mu - eta (S - tau), with S = -log2 of the drawn token's probability.
    tau and mu are in bits. Memory: mu, a float.
    """

    name: ClassVar[str] = "mirostat"
    stage: ClassVar[str] = "last"
    about_chance: ClassVar[bool] = True
    tau: float = setting(3.0, low=0, high=100, neutral=0.0, help="target surprisal of a token, in bits; 0 turns it off")
    eta: float = setting(0.1, low=0, high=10, help="how fast the truncation adapts to the target")

    def __call__(self, logits: NDArray[np.float64], context: SampleContext) -> NDArray[np.float64]:
        """logits: [V]. Returns [V] with tokens above mu at -inf; the most likely token always remains."""
        if self.tau == 0:
            return logits
        surprisal = -BITS * log_probs(logits)
        return np.where(surprisal > max(self._mu(context.memory), surprisal.min()), -np.inf, logits)

    def update(self, memory: Any, token: int, log_probs: NDArray[np.float64]) -> float | None:
        """The next mu. log_probs [V]: what `token` was drawn from, after the whole chain."""
        if self.tau == 0:
            return None
        return self._mu(memory) - self.eta * (-BITS * float(log_probs[token]) - self.tau)

    def _mu(self, memory: Any) -> float:
        return 2 * self.tau if memory is None else float(memory)
