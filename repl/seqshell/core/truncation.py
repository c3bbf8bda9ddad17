"""Long texts, cut to what a model for CLASSIFY reads of them. Its config says how; training and sessions cut alike. Imports no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENDS = ("head", "tail", "both")


@dataclass(frozen=True)
class Cut:
    """What is kept of a text with more than `max_length` tokens (0: all of it): its head, its tail, or half of either
    (Sun et al. 2019, https://arxiv.org/abs/1905.05583)."""

    max_length: int = 0
    keep: str = "head"

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Cut:
        """As a config says, by its fields max_length and cut; an architecture that has neither reads everything."""
        length, keep = config.get("max_length", 0), config.get("cut", "head")
        return cls(length if isinstance(length, int) and length > 0 else 0, keep if keep in ENDS else "head")

    def __call__(self, ids: list[int]) -> list[int]:
        """The ids that are read, in their order; the odd one of both ends is the head's."""
        gap = self.gap(len(ids))
        return ids if gap is None else ids[: gap[1]] + ids[sum(gap) :]

    def gap(self, length: int) -> tuple[int, int] | None:
        """Of a text of `length` tokens, how many are left out and how many that are read stand before them; None where all are read."""
        if not self.max_length or length <= self.max_length:
            return None
        tail = {"head": 0, "tail": self.max_length, "both": self.max_length // 2}[self.keep]
        return length - self.max_length, self.max_length - tail
