"""XTC, "exclude top choices" (p-e-w 2024, https://github.com/oobabooga/text-generation-webui/pull/6335)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import SampleContext, log_probs, setting


@dataclass(frozen=True)
class Xtc:
    """With `probability`, remove all tokens with at least the probability `threshold`, except the least likely of them.

    If only one token is that likely, nothing changes, so the text still makes sense.
    """

    name: ClassVar[str] = "xtc"
    about_chance: ClassVar[bool] = True
    probability: float = setting(
        0.5, low=0, high=1, neutral=0.0, help="probability of removing the top choices; 0: never"
    )
    threshold: float = setting(
        0.1, low=0, high=1, help="tokens with at least this probability are top choices; above 0.5, no effect"
    )

    def __call__(self, logits: NDArray[np.float64], context: SampleContext) -> NDArray[np.float64]:
        """logits: [V]. Returns [V], with removed tokens at -inf."""
        if self.probability == 0 or context.uniform("xtc") >= self.probability:
            return logits
        possible = np.isfinite(logits)
        top = np.flatnonzero(possible & (log_probs(logits) >= np.log(max(self.threshold, 1e-300))))
        if top.size < 2:
            return logits
        new = logits.copy()
        new[np.delete(top, logits[top].argmin())] = -np.inf
        return new
