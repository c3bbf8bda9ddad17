"""Words and how often they occur, as tokenizers of words count them in texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

CountedText = str | tuple[str, int]  # a text, or a text with the number of times it occurs


def counted(text: CountedText) -> tuple[str, int]:
    """A text with the number of times it occurs."""
    return (text, 1) if isinstance(text, str) else text


def count_words(counts: Counter[str], words: Iterable[str], number: int) -> None:
    """Add words to counts, each `number` times."""
    if number == 1:
        counts.update(words)
        return
    for word in words:
        counts[word] += number
