"""The words of a source that its tokens belong to, and the word that a translation attended to most."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import VocabularyError
from seqshell.core.tokenizers import Tokenizer

# l' and homme are two words; a punctuation mark is a word; combining marks belong to their letter
WORD = re.compile(r"[\w\u0300-\u036f]+['\u2019]?|[^\w\s]")
Span = tuple[int, int]


@dataclass(frozen=True)
class SourceWords:
    """The words of a source, with one item for each of its tokens.

    texts: the word; "" for EOS. unknown: the number of the word, from 0, if it has a part that the vocabulary lacks;
    else -1. spaced: whether the word comes after a space, or first.
    """

    texts: tuple[str, ...]
    unknown: tuple[int, ...]
    spaced: tuple[bool, ...]

    @property
    def has_unknown(self) -> bool:
        """True if the vocabulary lacks a part of the source."""
        return any(number >= 0 for number in self.unknown)


def source_words(text: str, ids: Sequence[int], tokenizer: Tokenizer) -> SourceWords:
    """The words of a text with the ids `ids`; the last may be EOS."""
    text = " ".join(text.split())
    places = token_places(text, ids, tokenizer)
    words = [match.span() for match in WORD.finditer(text)]
    spans = [
        None if token == tokenizer.eos else _word_at(text, place, words, whole=token == tokenizer.unk)
        for token, place in zip(ids, places, strict=True)
    ]
    unknown = list(
        dict.fromkeys(span for token, span in zip(ids, spans, strict=True) if span and token == tokenizer.unk)
    )
    numbers = [
        next((number for number, (start, end) in enumerate(unknown) if span and start <= span[0] < end), -1)
        for span in spans
    ]
    return SourceWords(
        tuple(text[slice(*span)] if span else "" for span in spans),
        tuple(numbers),
        tuple(span is not None and (span[0] == 0 or text[span[0] - 1] == " ") for span in spans),
    )


def token_places(text: str, ids: Sequence[int], tokenizer: Tokenizer) -> list[Span]:
    """Where each token begins and ends in the text; EOS is at its end."""
    return _aligned(text, ids, tokenizer) or _searched(text, ids, tokenizer)


def as_written(text: str, ids: Sequence[int], tokenizer: Tokenizer, pieces: Sequence[str]) -> list[str]:
    """The texts of tokens as the user wrote them, where the vocabulary has another spelling of them or none.

    pieces: their texts in the vocabulary.
    """
    places = token_places(text, ids, tokenizer)
    num_tokens = Counter(places)
    found = []
    for token, piece, place in zip(ids, pieces, places, strict=True):
        written = text[slice(*place)]
        is_respelled = num_tokens[place] == 1 and piece.strip().casefold() != written.strip().casefold()
        found.append(written if token == tokenizer.unk or (piece and is_respelled) else piece)
    return found


def words_of(text: str, ids: Sequence[int], tokenizer: Tokenizer) -> list[str]:
    """The word of the text that each of its ids belongs to; "" for EOS."""
    return list(source_words(text, ids, tokenizer).texts)


def most_attended(weights: NDArray[Any], words: Sequence[str]) -> int | None:
    """The number of the token with the largest weight; weights [S].

    EOS has no word and is left out; None if nothing is left.
    """
    having = [index for index, word in enumerate(words) if word]
    return having[int(np.argmax(weights[having]))] if having else None


def _word_at(text: str, place: Span, words: Sequence[Span], *, whole: bool) -> Span | None:
    """The range of the word in which a token begins; None if there is none.

    whole: of all words that an unknown token has a part of; its own range if it is outside of words.
    """
    start, end = place
    while start < len(text) and text[start] == " ":
        start += 1
    number = bisect_right(words, (start, len(text))) - 1
    if not whole:
        return words[max(0, number)] if words else None
    if number < 0 or words[number][1] <= start:
        return (start, end) if start < end else None
    last = max(number, bisect_right(words, (end - 1, len(text))) - 1)
    return words[number][0], words[last][1]


def _aligned(text: str, ids: Sequence[int], tokenizer: Tokenizer) -> list[Span] | None:
    """Where each token begins and ends in the text, if the tokenizer knows it for these ids."""
    aligned = getattr(tokenizer, "aligned", None)
    try:
        found = aligned(text) if aligned is not None else []
    except VocabularyError:  # of characters that were left out
        return None
    of_text = ids[:-1] if len(ids) and ids[-1] == tokenizer.eos else ids
    if [token for token, _, _ in found] != list(of_text):
        return None
    return [*((start, end) for _, start, end in found), (len(text), len(text))][: len(ids)]


def _searched(text: str, ids: Sequence[int], tokenizer: Tokenizer) -> list[Span]:
    """The same for any tokenizer: the text of each token is searched for after the end of the one before it.

    The words between known tokens belong to the UNKs between them.
    """
    words = [match.span() for match in WORD.finditer(text)] or [(0, len(text))]
    folded = " " + "".join(map(_folded, text))  # a space, as before every other word
    places: list[Span] = []
    end = unknown = 0  # the end of the last known token, and the number of UNKs since then
    for token in ids:
        piece = tokenizer.piece(token).decode("utf-8", "ignore") if token != tokenizer.unk else ""
        start = folded.find("".join(map(_folded, piece)), end) if piece else -1
        if start >= 0:
            end, unknown = start + len(piece), 0
            places.append((max(0, start - 1), end - 1))
            continue
        while end < len(folded) - 1 and folded[end] == " ":
            end += 1
        number = max(0, bisect_right(words, (end - 1, len(text))) - 1) + unknown
        places.append(words[min(number, len(words) - 1)])
        unknown += 1
    return places


def _folded(character: str) -> str:
    """The lower-case letter, or a space for white space: always one character, so that positions do not change."""
    small = character.lower()
    return " " if character.isspace() else small if len(small) == 1 else character
