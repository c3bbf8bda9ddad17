"""Which characters of a text each token stands for, with any tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqshell.session.token_text import TokenText


@dataclass(frozen=True, eq=False)
class TokenSpans:
    """A text, and the range [start, end) of it of each token: arrays [T].

    Tokens that share a character, such as bytes of UTF-8, all have it. A token without text has an empty range.
    """

    text: str
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def inside(self, spans: Iterable[tuple[int, int]]) -> NDArray[np.bool_]:
        """[T]: whether any character of the token is in one of the ranges."""
        marked = np.zeros(len(self.text) + 1, np.int64)
        for start, end in spans:
            marked[start + 1 : end + 1] = 1
        before = np.cumsum(marked)
        return before[self.ends] > before[self.starts]


def token_spans(token_text: TokenText, ids: Sequence[int], tail: bytes = b"") -> TokenSpans:
    """The text that tokens spell, and the range of each. tail: the beginning of a character, before the first token."""
    parts: list[str] = []
    starts, ends, length = [], [], 0
    for token in ids:
        text, tail = token_text.read(token, tail)
        starts.append(length)
        length += len(text)
        ends.append(length + bool(tail))
        parts.append(text)
    if tail:
        parts.append("\ufffd")  # a character that the text cuts off
    return TokenSpans("".join(parts), np.array(starts, np.int64), np.array(ends, np.int64))
