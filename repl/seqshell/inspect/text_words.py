"""Which word each token of a text belongs to. A word is what white space separates, punctuation marks included."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from seqshell.core.tokenizers import Tokenizer
from seqshell.session.word_alignment import Span, token_places

SIDES = ("before", "after")
_WORD, _SPACE = re.compile(r"\S+"), re.compile(rb"\s")


@dataclass(frozen=True)
class TextWord:
    """A word of a text, or several if one token has parts of them. tokens: the range of its tokens, [start, end)."""

    text: str
    start: int
    end: int


def text_words(text: str, ids: Sequence[int], tokenizer: Tokenizer, space: str) -> list[TextWord]:
    """The words of a text, which together have all its tokens.

    space: whether a word has the white space "before" or "after" it. A token with letters belongs to the word of the
    first of them. White space at the end of the text, or at its start, belongs to the nearest word; a text of white
    space alone is one word.
    """
    words = [match.span() for match in _WORD.finditer(text)]
    if not words:
        return [TextWord(text, 0, len(ids))] if ids else []
    numbers = _numbers(text, token_places(text, ids, tokenizer), words, space)
    firsts = [place for place, number in enumerate(numbers) if not place or number > numbers[place - 1]]
    found, done = [], 0  # done: words of the text that are in `found`
    for start, end in zip(firsts, [*firsts[1:], len(ids)], strict=True):
        following = numbers[end] if end < len(ids) else len(words)
        found.append(TextWord(text[words[done][0] : words[following - 1][1]], start, end))
        done = following
    return found


def _numbers(text: str, places: Sequence[Span], words: Sequence[Span], space: str) -> list[int]:
    """The number of each token's word, which never falls."""
    starts = [start for start, _ in words]
    numbers: list[int] = []
    for start, end in places:
        letter = _WORD.search(text, start, end)
        number = bisect_right(starts, letter.start() if letter else start) - 1  # of the word there, or before the space
        if letter is None and space == "before":
            number += 1
        numbers.append(max(min(max(number, 0), len(words) - 1), numbers[-1] if numbers else 0))
    return numbers


def space_of_tokens(tokenizer: Tokenizer) -> str:
    """The side of the white space that tokens with letters have: "before", "after", or "" if they have none."""
    for token in range(tokenizer.size):
        piece = tokenizer.piece(token)
        if piece.strip():
            if _SPACE.match(piece):
                return "before"
            if _SPACE.match(piece, len(piece) - 1):
                return "after"
    return ""
