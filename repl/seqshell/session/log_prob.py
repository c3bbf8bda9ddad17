"""The log-probability of an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.decoding.probabilities import log_probs_of

BATCH = 256  # tokens whose log-probabilities are computed together, in a fifth of the time of one by one


class LogProb:
    """The model's log-probability of an answer, in nats, before the chain.

    ids, outputs: tokens, and the outputs [V] that each was drawn from, which the caller appends.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.outputs: list[NDArray[Any]] = []
        self._sum = 0.0

    def sum(self) -> float:
        """The log-probability of all tokens so far."""
        if self.ids:
            logits = np.concatenate(self.outputs).reshape(len(self.ids), -1)
            self._sum += float(log_probs_of(logits, self.ids).sum())
            self.ids.clear()
            self.outputs.clear()
        return self._sum
