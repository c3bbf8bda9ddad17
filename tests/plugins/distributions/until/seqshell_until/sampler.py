"""End an answer when its text matches a regular expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import END, SampleContext, setting

compiled = lru_cache(re.compile)


@dataclass(frozen=True)
class Until:
    """End an answer as soon as its last tokens match `pattern`; the text that matches is part of the answer."""

    name: ClassVar[str] = "until"
    stage: ClassVar[str] = "penalty"  # before the others, whose work would be in vain
    pattern: str = setting("", neutral="", help="regular expression that ends an answer; empty: none does")
    least: int = setting(1, low=1, help="number of tokens that an answer has at least")
    window: int = setting(256, low=1, help="number of the answer's last tokens in which the pattern is searched for")

    def __post_init__(self) -> None:
        try:
            compiled(self.pattern)
        except re.error as error:
            raise ValueError(f"the pattern {self.pattern!r} is no regular expression: {error}") from None

    def __call__(self, logits: NDArray[np.float64], context: SampleContext):
        """logits: [V]. Returns them unchanged, or END."""
        if not self.pattern or context.answer < self.least or context.tokenizer is None:
            return logits
        ids = context.tokens[-min(context.answer, self.window) :]
        text = b"".join(map(context.tokenizer.piece, ids)).decode("utf-8", "replace")
        return END if compiled(self.pattern).search(text) else logits
