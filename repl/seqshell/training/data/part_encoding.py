"""Encode a text part by part: each part begins with a space, where the tokenizer's ids do not depend on what is before.

The ids are bytes, in the smallest integer type for the vocabulary. Characters and bytes are looked up in a table; words
are encoded when they come first, then remembered.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import VocabularyError
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer, Tokenizer
from seqshell.training.data import word_numbers
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.word_numbers import WordNumbers

IDS_OF_WORD = 8  # more for each word that can be remembered are not kept
LAST_CODE = 0x10FFFF
PartEncoder = Callable[[str], bytes]


def can_be_cut(kind: type[Any]) -> bool:
    """Whether a class of tokenizers promises so itself: a subclass may encode otherwise."""
    return bool(vars(kind).get("cuts_before_spaces", False))


def part_encoder(tokenizer: Tokenizer, beginning: str) -> PartEncoder:
    """What encodes the parts of a text one after the other. beginning: of the text.

    Raises VocabularyError, when it is called, for what the tokenizer refuses.
    """
    dtype = integer_type(tokenizer.size)
    if type(tokenizer) is CharTokenizer:
        return _Characters(tokenizer, dtype)
    if type(tokenizer) is ByteTokenizer:
        first = tokenizer.encode("\0")[0]
        return lambda text: (np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(dtype) + first).tobytes()
    if can_be_cut(type(tokenizer)):
        return WordEncoder(tokenizer, dtype, beginning)
    return lambda text: np.asarray(tokenizer.encode(text), dtype).tobytes()


class _Characters:
    """Looks characters up; those that the vocabulary lacks are left to the tokenizer."""

    def __init__(self, tokenizer: CharTokenizer, dtype: np.dtype[Any]) -> None:
        self._tokenizer, self._dtype = tokenizer, dtype
        codes = np.array([ord(each) for each in tokenizer.vocabulary])
        first = tokenizer.size - len(codes)
        self._known = np.zeros(max(128, codes.max() + 2), bool)  # the last one stands for all that are above
        self._known[codes] = True
        self._ids: NDArray[Any] = np.zeros(self._known.size, dtype)
        self._ids[codes] = np.arange(first, first + len(codes))
        self._ascii = self._ids[:128].tobytes() + bytes(128) if dtype == np.uint8 else b""
        self._unknown = bytes(code for code in range(128) if self._known[code])

    def __call__(self, text: str) -> bytes:
        if self._ascii and text.isascii():
            content = text.encode("ascii")
            if not content.translate(None, self._unknown):
                return content.translate(self._ascii)
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        if not self._known.take(codes, mode="clip").all():
            return np.asarray(self._tokenizer.encode(text), self._dtype).tobytes()
        return self._ids.take(codes, mode="clip").tobytes()


class WordEncoder:
    """Encodes each word, with the space before it, when it comes first, and remembers its ids."""

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype[Any], beginning: str) -> None:
        self._tokenizer, self._dtype = tokenizer, dtype
        # A word without a known letter, which alone would be an error, is encoded with a known one after it.
        self._after, self._length = self._known_word(beginning) if tokenizer.unk is not None else ("", 0)
        self._forget()

    def __call__(self, text: str) -> bytes:
        first, space, rest = text.partition(" ")
        start = self._encoded(first) if first else b""
        return start + self.words_of(rest.encode("utf-8", "surrogatepass"))[0].tobytes() if space else start

    def words_of(self, content: bytes) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The ids of a text in UTF-8 with a space before it, and how many of them each word has."""
        if max(self._numbers.size, len(self._ids) // IDS_OF_WORD) > word_numbers.MOST_REMEMBERED:
            self._forget()
        numbers, new = self._numbers(content)
        for word in new:
            self._ids.frombytes(self._encoded(f" {word.decode('utf-8', 'surrogatepass')}"))
            self._ends.append(len(self._ids))
        ends = np.asarray(self._ends)
        firsts = ends[numbers]
        sizes = ends[numbers + 1] - firsts
        after = np.cumsum(sizes)
        places = np.repeat(firsts - after + sizes, sizes) + np.arange(after[-1])
        return np.asarray(self._ids)[places], sizes

    def _forget(self) -> None:
        """Forget all words. The ids of word n are those from ends[n] to ends[n + 1]."""
        self._numbers, self._ids, self._ends = WordNumbers(), array(self._dtype.char), array("q", [0])

    def _encoded(self, text: str) -> bytes:
        ids = self._tokenizer.encode(text + self._after)
        return np.asarray(ids[: len(ids) - self._length], self._dtype).tobytes()

    def _known_word(self, beginning: str) -> tuple[str, int]:
        """A word of the text that can be encoded, with the space before it, and its number of tokens."""
        for word in beginning.split(" ")[1:]:
            try:
                if ids := self._tokenizer.encode(f" {word}"):
                    return f" {word}", len(ids)
            except VocabularyError:
                continue
        return "", 0
