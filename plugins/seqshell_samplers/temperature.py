"""Temperature: flatter or sharper probabilities.

Ackley, Hinton & Sejnowski 1985, A learning algorithm for Boltzmann machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import Divide, Rule, SampleContext, setting


@dataclass(frozen=True)
class Temperature:
    """Divide the logits by `t`: p_i ~ exp(logit_i / t). Below 1 likely tokens become more likely; 0 is greedy."""

    name: ClassVar[str] = "temperature"
    stage: ClassVar[str] = "temperature"
    about_chance: ClassVar[bool] = True
    t: float = setting(0.8, low=0, high=100, neutral=1.0, help="divide the logits by it; 0 takes the most likely token")

    @property
    def rules(self) -> tuple[Rule, ...] | None:
        """What it does, for samplers that share one sort; None near 0, where it is more than a division."""
        if self.t == 1:
            return ()
        return (Divide(self.t),) if self.t >= 1e-6 else None

    def __call__(self, logits: NDArray[np.float64], context: SampleContext) -> NDArray[np.float64]:
        """logits: [V]. Returns [V]; at t = 0 only the most likely token remains, of equally likely ones the first."""
        if self.t == 1:
            return logits
        if self.t >= 1e-6:
            return logits / self.t
        best = logits.argmax()
        if self.t == 0:
            alone = np.full_like(logits, -np.inf)
            alone[best] = logits[best]
            return alone
        with np.errstate(over="ignore"):  # tokens too far below the best for a float get probability 0
            sharp: NDArray[np.float64] = (logits - logits[best]) / self.t
        return sharp
