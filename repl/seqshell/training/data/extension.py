"""Extend the vocabulary of a model that is trained further: the old tokens keep their ids, new ones come after them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.spelling import plain, spelled
from seqshell.core.subword_tokenizers import BPETokenizer, Vocabulary, WordTokenizer
from seqshell.core.text_output import quoted
from seqshell.core.tokenizers import CharTokenizer, Tokenizer
from seqshell.core.whitespace_tokenizer import LINE_END
from seqshell.core.word_counts import CountedText, counted

SHOWN = 6  # new tokens in a note
TOGETHER = 1 << 20  # tokens that are counted together


@singledispatch
def extended(tokenizer: Any, texts: Iterable[CountedText], min_freq: int = 1) -> Tokenizer:
    """The tokenizer with what the texts have and it cannot read: characters of `char` and `bpe`, words of the others.

    min_freq: how often a word must occur. A tokenizer of another kind is returned as it is.
    """
    found: Tokenizer = tokenizer
    return found


@extended.register
def _(tokenizer: CharTokenizer, texts: Iterable[CountedText], min_freq: int = 1) -> Tokenizer:
    known = set(tokenizer.vocabulary)
    new = _unknown(CharTokenizer.train(counted(text)[0] for text in texts).vocabulary, known)
    return CharTokenizer(tokenizer.vocabulary + "".join(new), specials=tokenizer.specials)


@extended.register
def _(tokenizer: BPETokenizer, texts: Iterable[CountedText], min_freq: int = 1) -> Tokenizer:
    found = CharTokenizer.train(unicodedata.normalize("NFC", counted(text)[0]) for text in texts).vocabulary
    new = _unknown((each for each in found if not each.isspace()), tokenizer.characters)
    return BPETokenizer([*tokenizer.tokens, *new], tokenizer.merges)


@extended.register
def _(tokenizer: Vocabulary, texts: Iterable[CountedText], min_freq: int = 1) -> Tokenizer:
    """Of words: those that the texts would have in a vocabulary of their own."""
    old = tokenizer.to_json()  # type: ignore[attr-defined]  # each vocabulary has it
    kind: Any = type(tokenizer)
    settings = {"lowercase": tokenizer.lowercase} if isinstance(tokenizer, WordTokenizer) else {}
    fresh = kind.train(texts, min_freq=min_freq, **settings)
    places = [
        place
        for place, word in enumerate(fresh.tokens)
        if place >= fresh.specials and word != LINE_END and not {word, plain(word)} & tokenizer.ids.keys()
    ]
    lists = {
        key: [*old[key], *(getattr(fresh, key)[place] for place in places)]
        for key in ("tokens", "counts")
        if key in old
    }
    extended_one: Tokenizer = kind.from_json({**old, **lists})
    return extended_one


def _unknown(characters: Iterable[str], known: Any) -> Iterator[str]:
    """The characters that are neither known nor read as known ones, such as a typographic quotation mark."""
    return (each for each in characters if not all(part in known for part in spelled(each, known).text))


def new_tokens(old: Tokenizer, new: Tokenizer, ids: Iterable[Any]) -> str:
    """The tokens that a vocabulary has got, the most frequent ones first, with how often they occur.

    ids: of the training texts, in parts.
    """
    counts, waiting, number = np.zeros(new.size, np.int64), list[NDArray[np.int64]](), 0
    for part in ids:
        for start in range(0, len(part), TOGETHER):
            waiting.append(np.asarray(part[start : start + TOGETHER], np.int64))
            number += len(waiting[-1])
            if number >= TOGETHER:
                counts += np.bincount(np.concatenate(waiting), minlength=new.size)
                waiting, number = [], 0
    counts += np.bincount(np.concatenate([np.zeros(0, np.int64), *waiting]), minlength=new.size)
    found = sorted(range(old.size, new.size), key=lambda token: (-counts[token], token))
    shown = [
        f"{quoted(new.piece(token).decode('utf-8', 'replace').strip(' '))} ({counts[token]:,})"
        for token in found[:SHOWN]
    ]
    return ", ".join(shown) + (", ..." if len(found) > SHOWN else "")
