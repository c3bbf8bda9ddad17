"""Encode many short texts: the words of some thousand texts at once, each different word once.

The ids are those of the texts one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import VocabularyError
from seqshell.core.subword_tokenizers import BPETokenizer, Vocabulary, WordTokenizer
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.training.data.part_encoding import WordEncoder
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.token_rows import contents_of

TOGETHER = 4000  # texts
SIGMA = "\u03a3".encode()  # its lower case may depend on all of a text
SPACE = ord(" ")
# The first bytes of characters that may be white space: those of ASCII, and of U+0085, U+00A0, U+1680, U+2000, U+3000.
MAY_BE_SPACE = np.isin(np.arange(256), [*range(9, 14), *range(28, 33), 0xC2, 0xE1, 0xE2, 0xE3])
KINDS = (WordTokenizer, WhitespaceTokenizer, BPETokenizer)

Encoded = tuple[NDArray[np.unsignedinteger], NDArray[np.int64]]  # the ids of texts, and how many each of them has


class RowEncoder:
    """Encodes texts: a text that the tokenizer refuses has no ids."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._dtype = tokenizer, integer_type(tokenizer.size)
        self._words: WordEncoder | None = None
        is_known = isinstance(tokenizer, KINDS) and type(tokenizer) in KINDS
        self._has_letters = _tokens_with_letters(tokenizer) if is_known else None  # type: ignore[arg-type]  # a Vocabulary

    def __call__(self, contents: Sequence[bytes]) -> Encoded:
        """The ids of texts in UTF-8."""
        if self._has_letters is None:
            return self._one_by_one(contents)
        # As every word has a space before it, one at the beginning of a text changes nothing.
        stripped = [
            content[1:] if content[:1] == b" " and len(content) > 1 and not MAY_BE_SPACE[content[1]] else content
            for content in contents
        ]
        joined = b" ".join(stripped)
        try:
            if self._words is None:
                self._words = WordEncoder(self._tokenizer, self._dtype, f" {text_of(joined)}")
            ids, num_ids = self._words.words_of(joined)
        except VocabularyError:  # no word of these texts is known
            self._words = None
            return self._one_by_one(contents)
        lengths = np.fromiter(map(len, stripped), np.int64, len(stripped))
        ends = np.cumsum(lengths + 1) - 1
        characters = np.frombuffer(joined, np.uint8)
        words = np.searchsorted(np.flatnonzero(characters == SPACE), ends) + 1
        ends_of_ids = np.append(0, np.append(0, np.cumsum(num_ids))[words])
        letters = np.append(0, np.cumsum(self._has_letters[ids]))[ends_of_ids]
        starts = np.minimum(ends - lengths, max(0, len(joined) - 1))
        others = (
            (letters[1:] == letters[:-1]) | MAY_BE_SPACE[characters[starts]] if joined else np.ones(len(ends), bool)
        )
        if SIGMA in joined:
            others |= [SIGMA in content for content in stripped]
        rows = [row for row in np.flatnonzero(others).tolist() if not self._is_usual(stripped[row], letters, row)]
        return self._with_others(ids, ends_of_ids, rows, [contents[row] for row in rows])

    def _is_usual(self, content: bytes, letters: NDArray[np.int64], row: int) -> bool:
        """Whether a text has a letter that is known, and does not begin with white space."""
        return bool(letters[row + 1] > letters[row] and SIGMA not in content and not text_of(content)[0].isspace())

    def _with_others(
        self, ids: NDArray[np.unsignedinteger], ends: NDArray[np.int64], rows: list[int], contents: Sequence[bytes]
    ) -> Encoded:
        """The ids of all texts, those of some rows encoded one by one. ends: [N + 1], where each text begins."""
        sizes = np.diff(ends)
        parts, done = list[NDArray[np.unsignedinteger]](), 0
        for row, content in zip(rows, contents, strict=True):
            found = self._of_one(content)
            parts += [ids[done : ends[row]], found]
            done, sizes[row] = int(ends[row + 1]), len(found)
        return np.concatenate((*parts, ids[done:])), sizes

    def _one_by_one(self, contents: Sequence[bytes]) -> Encoded:
        found = [self._of_one(content) for content in contents]
        return np.concatenate(found), np.fromiter(map(len, found), np.int64, len(found))

    def _of_one(self, content: bytes) -> NDArray[np.unsignedinteger]:
        try:
            return np.asarray(self._tokenizer.encode(text_of(content)), self._dtype)
        except VocabularyError:
            return np.zeros(0, self._dtype)


def grouped(texts: Iterable[str]) -> Iterator[list[bytes]]:
    """The texts in UTF-8, TOGETHER at a time."""
    left = contents_of(texts)
    while some := list(islice(left, TOGETHER)):
        yield some


def text_of(content: bytes) -> str:
    """A text from its UTF-8."""
    return content.decode("utf-8", "surrogatepass")


def _tokens_with_letters(tokenizer: Vocabulary) -> NDArray[np.bool_]:
    """[size]: True for tokens, besides the specials, with letters or digits: a text with one of them is not refused."""
    tokens = enumerate(tokenizer.tokens)
    return np.array([number >= tokenizer.specials and any(map(str.isalnum, token)) for number, token in tokens], bool)
