"""DRY, "don't repeat yourself" (p-e-w 2024, https://github.com/oobabooga/text-generation-webui/pull/5677).

This version looks only at the text that the model has generated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import SampleContext, setting

LARGEST = 1e6  # limit of base ** length, which would overflow; such a token is never drawn anyway


@dataclass(frozen=True)
class Dry:
    """Penalise a token the more, the longer the passage that it would repeat.

    If the last n tokens occurred before in the model's own text, and n is at least `allowed_length`, the logit of the
    token that followed them there is lowered by multiplier * base ** (n - allowed_length).

    Memory: an array [2, N] int32. The first row has the last N <= window tokens that the model drew. The second row
    has for each of them the number of tokens, ending there, that equal the same number of tokens at the end of the
    text.
    """

    name: ClassVar[str] = "dry"
    multiplier: float = setting(
        0.8,
        low=0,
        high=100,
        neutral=0.0,
        help="penalty for the shortest penalised passage, in nats; 0: none",
    )
    base: float = setting(1.75, low=1, high=10, help="growth of the penalty with each further token")
    allowed_length: int = setting(
        12, low=1, high=1000, help="shorter passages may be repeated; try 12 for characters, 2 for words"
    )
    window: int = setting(512, low=2, high=100_000, help="number of the model's last tokens to compare with")
    breakers: str = setting("\n:*", help="characters that end a passage")

    def __call__(self, logits: NDArray[np.float64], context: SampleContext) -> NDArray[np.float64]:
        """logits: [V]. Returns [V]."""
        if self.multiplier == 0 or context.memory is None:
            return logits
        ids, runs = np.asarray(context.memory)
        lengths = np.minimum(runs[:-1], self._reach(ids, int(runs.max()), context))
        repeated = lengths >= self.allowed_length
        if not repeated.any():
            return logits
        with np.errstate(over="ignore"):
            penalties = self.multiplier * np.minimum(
                self.base ** (lengths[repeated] - float(self.allowed_length)), LARGEST
            )
        largest = np.zeros_like(logits)  # of several earlier passages, the longest decides
        np.maximum.at(largest, ids[1:][repeated], penalties)
        return logits - largest

    def update(
        self, memory: NDArray[np.int32] | None, token: int, log_probs: NDArray[np.float64]
    ) -> NDArray[np.int32] | None:
        """The memory after `token` was drawn, a new array."""
        if self.multiplier == 0:
            return None
        ids, runs = np.zeros((2, 0), np.int32) if memory is None else np.asarray(memory)
        before = np.concatenate(([0], runs[:-1]))[: ids.size]  # the run that ended one token earlier
        longer = np.where(ids == token, before + 1, 0)
        return np.stack((np.append(ids, token), np.append(longer, 0))).astype(np.int32)[:, -self.window :]

    def _reach(self, ids: NDArray[np.int32], longest: int, context: SampleContext) -> int:
        """The number of last tokens that can belong to a passage: drawn by the model in one go, no breakers."""
        for length, (drawn, token) in enumerate(
            zip(ids[::-1], reversed(context.tokens[-longest:] if longest else ()), strict=False)
        ):
            if drawn != token or self._breaks(token, context):
                return length
        return longest

    def _breaks(self, token: int, context: SampleContext) -> bool:
        if context.tokenizer is None:
            return False
        piece = context.tokenizer.piece(token).decode("utf-8", "replace")
        return any(character in self.breakers for character in piece)
