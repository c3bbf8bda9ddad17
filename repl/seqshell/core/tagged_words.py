"""Words and their tags: a text as words, words as tokens, and the entities that IOB2 tags name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from seqshell.core.errors import VocabularyError
from seqshell.core.tokenizers import Tokenizer

OUTSIDE = "O"  # the tag of a word that is in no entity
# Abbreviations such as U.S., then words and numbers with marks inside, then a punctuation mark or its repetitions.
_WORD = re.compile(r"(?:[^\W\d_]\.){2,}|\w+(?:[-'\u2019.,:/@]\w+)*|([^\w\s])\1*")
_IOB2 = re.compile(r"[BI]-(?s:.+)")


class Word(NamedTuple):
    """A word of a text: what it is, and where it begins and ends."""

    text: str
    start: int
    end: int


class Entity(NamedTuple):
    """The words [start, end) of a sentence, which are an entity of a type."""

    type: str
    start: int
    end: int


class EncodedWords(NamedTuple):
    """The ids of words one after the other, and for each word the place of its last id."""

    ids: list[int]
    last: list[int]


def words_of(text: str) -> list[Word]:
    """The words and punctuation marks of a text. Spaces divide words; a mark inside a word, as in don't, does not."""
    return [Word(found[0], found.start(), found.end()) for found in _WORD.finditer(text)]


def encode_words(tokenizer: Tokenizer, words: Sequence[str], known: dict[str, list[int]] | None = None) -> EncodedWords:
    """The ids of words with a space before each; a word that the tokenizer cannot read is UNK.

    known: the ids of words that were encoded before; new ones are added. VocabularyError if a word cannot be read and
    there is no UNK.
    """
    known = {} if known is None else known
    ids: list[int] = []
    last: list[int] = []
    for word in words:
        if word not in known:
            known[word] = _ids_of(tokenizer, word)
        ids += known[word]
        last.append(len(ids) - 1)
    return EncodedWords(ids, last)


def _ids_of(tokenizer: Tokenizer, word: str) -> list[int]:
    try:
        found = tokenizer.encode(f" {word}")
    except VocabularyError:
        if tokenizer.unk is None:
            raise
        found = []
    return found or [tokenizer.unk or 0]


def has_entities(tags: Sequence[str]) -> bool:
    """True if tags name entities: each is O or begins with B- or I-, and one of them does."""
    return any(map(_IOB2.fullmatch, tags)) and all(tag == OUTSIDE or _IOB2.fullmatch(tag) for tag in tags)


def category_of(tag: str) -> str:
    """What a tag is about: PER of B-PER and I-PER, nothing of O, else the tag itself."""
    return "" if tag == OUTSIDE else tag[2:] if _IOB2.fullmatch(tag) else tag


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence with IOB2 tags, as conlleval finds them (Tjong Kim Sang & Buchholz 2000).

    An entity begins at B-, and at I- unless the word before is in an entity of the same type.
    """
    found: list[Entity] = []
    for place, tag in enumerate(tags):
        if tag[:2] not in ("B-", "I-"):
            continue
        kind = tag[2:]
        if tag[0] == "I" and found and found[-1].end == place and found[-1].type == kind:
            found[-1] = found[-1]._replace(end=place + 1)
        else:
            found.append(Entity(kind, place, place + 1))
    return found
