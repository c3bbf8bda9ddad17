"""DRY, "don't repeat yourself" (p-e-w 2024, https://github.com/oobabooga/text-generation-webui/pull/5677), over what the model itself wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import SampleContext, setting

LARGEST = 1e6  # a penalty in nats; beyond it nothing is ever drawn, and base ** length would overflow


@dataclass(frozen=True)
class Dry:
    """Make a token unlikelier the longer the passage that it would repeat.

    When the last n tokens stood in the model's own text before, and n is at least `allowed_length`, the token that followed them there
    loses multiplier * base ** (n - allowed_length) of its logit. What you write may be quoted freely: only the model's own text counts.

    Memory: an array [2, N] int32 of the last N <= window tokens that the model drew; for each, below it, how many tokens up to it equal as
    many at the end.
    """

    name: ClassVar[str] = "dry"
    multiplier: float = setting(
        0.8,
        low=0,
        high=100,
        neutral=0.0,
        help="the penalty of the shortest passage that has one, in nats; 0: no penalty",
    )
    base: float = setting(1.75, low=1, high=10, help="by how much the penalty grows with each token more")
    allowed_length: int = setting(
        12, low=1, high=1000, help="passages shorter than this may be repeated; 12 suits characters, 2 suits words"
    )
    window: int = setting(512, low=2, high=100_000, help="how many of its own last tokens the model must not repeat")
    breakers: str = setting("\n:*", help="characters that no passage reaches across; a token with one of them ends it")

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
        most = np.zeros_like(logits)
        np.maximum.at(most, ids[1:][repeated], penalties)
        return logits - most

    def update(
        self, memory: NDArray[np.int32] | None, token: int, log_probs: NDArray[np.float64]
    ) -> NDArray[np.int32] | None:
        """The memory after `token` was drawn; the given one is not written to."""
        if self.multiplier == 0:
            return None
        ids, runs = np.zeros((2, 0), np.int32) if memory is None else np.asarray(memory)
        before = np.concatenate(([0], runs[:-1]))[: ids.size]  # the run that ended one token earlier
        longer = np.where(ids == token, before + 1, 0)
        return np.stack((np.append(ids, token), np.append(longer, 0))).astype(np.int32)[:, -self.window :]

    def _reach(self, ids: NDArray[np.int32], longest: int, context: SampleContext) -> int:
        """How many of the last tokens belong to the passage: the model drew them without a word of yours between, and none is a breaker."""
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
