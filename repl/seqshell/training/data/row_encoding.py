"""Encode many short texts: the words of a thousand texts at once, each different word once.

The ids are those of the texts one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import VocabularyError
from seqshell.core.subword_tokenizers import BPETokenizer, Vocabulary, WordTokenizer
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.training.data.part_encoding import WordEncoder

TOGETHER = 1000  # texts
SIGMA = "\u03a3"  # its lower case may depend on all of a text
KINDS = (WordTokenizer, WhitespaceTokenizer, BPETokenizer)

Row = list[int] | None


def encoded_rows(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[Row]:
    """The ids of each text; None for one that the tokenizer refuses."""
    if not isinstance(tokenizer, KINDS) or type(tokenizer) not in KINDS:
        yield from (_encoded(tokenizer, text) for text in texts)
        return
    left, encoder, has_letters = iter(texts), None, _tokens_with_letters(tokenizer)
    while some := list(islice(left, TOGETHER)):
        try:
            encoder = encoder or WordEncoder(tokenizer, np.dtype(np.int64), f" {' '.join(some)}")
            ids, sizes = encoder.words(" ".join(some))
        except VocabularyError:  # no word of these texts is known
            encoder = None
            yield from (_encoded(tokenizer, text) for text in some)
            continue
        words = np.cumsum([text.count(" ") + 1 for text in some])
        ends = np.append(0, np.cumsum(sizes))[np.append(0, words)].tolist()
        letters = np.append(0, np.cumsum(has_letters[ids]))[ends].tolist()
        all_ids = ids.tolist()
        for number, text in enumerate(some):
            is_usual = letters[number + 1] > letters[number] and not text[0].isspace() and SIGMA not in text
            yield all_ids[ends[number] : ends[number + 1]] if is_usual else _encoded(tokenizer, text)


def _encoded(tokenizer: Tokenizer, text: str) -> Row:
    try:
        return tokenizer.encode(text)
    except VocabularyError:
        return None


def _tokens_with_letters(tokenizer: Vocabulary) -> NDArray[np.bool_]:
    """[size]: True for tokens, besides the specials, with letters or digits: a text with one of them is not refused."""
    tokens = enumerate(tokenizer.tokens)
    return np.array([number >= tokenizer.specials and any(map(str.isalnum, token)) for number, token in tokens], bool)
