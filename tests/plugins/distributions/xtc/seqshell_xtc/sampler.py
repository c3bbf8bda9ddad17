"""XTC, "exclude top choices" (p-e-w 2024, https://github.com/oobabooga/text-generation-webui/pull/6335)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import SampleContext, log_probs, setting


@dataclass(frozen=True)
class Xtc:
    """Now and then, leave out every token that is likelier than `threshold` but the least likely of them.

    Where only one token is so likely there is no choice to make, and nothing changes: the text stays sound, and takes roads less travelled.
    """

    name: ClassVar[str] = "xtc"
    about_chance: ClassVar[bool] = True
    probability: float = setting(
        0.5, low=0, high=1, neutral=0.0, help="how often the top choices are left out; 0: never"
    )
    threshold: float = setting(
        0.1, low=0, high=1, help="what is at least so likely is a top choice; above 0.5 there are never two"
    )

    def __call__(self, logits: NDArray[np.float64], context: SampleContext) -> NDArray[np.float64]:
        """logits: [V]. Returns [V]; what was left out is at -inf."""
        if self.probability == 0 or context.uniform("xtc") >= self.probability:
            return logits
        possible = np.isfinite(logits)
        top = np.flatnonzero(possible & (log_probs(logits) >= np.log(max(self.threshold, 1e-300))))
        if top.size < 2:
            return logits
        new = logits.copy()
        new[np.delete(top, logits[top].argmin())] = -np.inf
        return new
