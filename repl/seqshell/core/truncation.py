"""Cuts a long text to the tokens that a classifier reads. Training and sessions share this code. Imports no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENDS = ("head", "tail", "both")


@dataclass(frozen=True)
class Cut:
    """Keeps `max_length` tokens of a longer text: its head, its tail, or half of each (Sun et al. 2019,
    https://arxiv.org/abs/1905.05583). max_length 0 keeps everything.
    """

    max_length: int = 0
    keep: str = "head"

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Cut:
        """Read a config's fields max_length and cut. Without them, or if they are invalid, nothing is cut."""
        length, keep = config.get("max_length", 0), config.get("cut", "head")
        return cls(length if isinstance(length, int) and length > 0 else 0, keep if keep in ENDS else "head")

    def __call__(self, ids: list[int]) -> list[int]:
        """Return the ids that are kept, in order. For "both" with an odd max_length, the head is one token longer."""
        gap = self.gap(len(ids))
        return ids if gap is None else ids[: gap[1]] + ids[sum(gap) :]

    def gap(self, length: int) -> tuple[int, int] | None:
        """Return (number of tokens left out, number kept before them) for `length` tokens; None if all are kept."""
        if not self.max_length or length <= self.max_length:
            return None
        tail = {"head": 0, "tail": self.max_length, "both": self.max_length // 2}[self.keep]
        return length - self.max_length, self.max_length - tail
