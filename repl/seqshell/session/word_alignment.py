"""The word of the source that each of its tokens belongs to, and the word that a translation attended to most."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import Tokenizer

WORD = re.compile(r"\w+['\u2019]?|[^\w\s]")  # l' and homme are two words; a punctuation mark is a word


def words_of(text: str, ids: Sequence[int], tokenizer: Tokenizer) -> list[str]:
    """The word of the text that each of its ids belongs to; "" for EOS.

    The text of each token is searched for after the end of the one before it. The words between known tokens belong to
    the UNKs between them.
    """
    text = " " + unicodedata.normalize("NFC", text)  # as before every other word
    spans = [match.span() for match in WORD.finditer(text)]
    if not spans:
        return [""] * len(ids)
    folded = "".join(map(_folded, text))
    places = _places(folded, ids, tokenizer)
    starts = [start for start, _ in spans]
    words: list[str] = []
    end = unknown = 0  # the end of the last known token, and the number of UNKs since then
    for token, place in zip(ids, places, strict=True):
        if token == tokenizer.eos:
            words.append("")
            continue
        if place is None:
            while end < len(folded) - 1 and folded[end] == " ":
                end += 1
            number, unknown = max(0, bisect_right(starts, end) - 1) + unknown, unknown + 1
        else:
            start, end = place
            number, unknown = max(0, bisect_right(starts, start) - 1), 0
        words.append(text[slice(*spans[min(number, len(spans) - 1)])])
    return words


def most_attended(weights: NDArray[Any], words: Sequence[str]) -> str:
    """The word of the token with the largest weight; weights [S].

    EOS has no word and is left out; "" if nothing is left.
    """
    having = [index for index, word in enumerate(words) if word]
    return words[having[int(np.argmax(weights[having]))]] if having else ""


def _places(folded: str, ids: Sequence[int], tokenizer: Tokenizer) -> list[tuple[int, int] | None]:
    """Where the letters of each token begin and end in the text; None if they were not found."""
    places: list[tuple[int, int] | None] = []
    end = 0
    for token in ids:
        piece = (
            "" if token == tokenizer.unk else "".join(map(_folded, tokenizer.piece(token).decode("utf-8", "ignore")))
        )
        start = folded.find(piece, end) if piece else -1
        if start < 0:
            places.append(None)
            continue
        end = start + len(piece)
        places.append((start + len(piece) - len(piece.lstrip()), end))
    return places


def _folded(character: str) -> str:
    """The lower-case letter, or a space for white space: always one character, so that positions do not change."""
    small = character.lower()
    return " " if character.isspace() else small if len(small) == 1 else character
