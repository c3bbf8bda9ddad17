"""Files with a word and its tag in each line and blank lines between sentences: CoNLL, CoNLL-U and TSV."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seqshell.core.errors import RecipeError

DOCUMENT = "-DOCSTART-"  # the word of a line that begins a document
LONGEST = 500  # words of a sentence; a longer one is divided
CONLLU_COLUMNS = 10
CONLLU_WORD, CONLLU_TAG = 2, 4  # FORM and UPOS, from 1
_CONLLU_NUMBER = re.compile(r"\d+(?:[-.]\d+)?")  # 1-2: words written as one, 1.1: a word that is not written


@dataclass(frozen=True)
class TagColumns:
    """Which columns have the words and the tags, from 1; 0: see `DataSettings`. keys: how a user names them."""

    word: int = 0
    tag: int = 0
    keys: tuple[str, str] = ("data.word_column", "data.tag_column")


@dataclass(frozen=True)
class TaggedSentence:
    """Words and their tags. line: the number of the first one's line, from 1."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    line: int


def read_sentences(name: str, text: str, columns: TagColumns) -> list[TaggedSentence]:
    """The sentences of a file. RecipeError, with the line, for a line without a word or a tag."""
    lines = text.split("\n")
    separator = "\t" if _has_tabs(lines) else None
    is_conllu = separator is not None and _is_conllu(lines)
    word, tag = columns.word, columns.tag
    if is_conllu:
        word, tag = word or CONLLU_WORD, tag or CONLLU_TAG
    size = _num_columns(lines, separator)
    if size < 2:
        raise RecipeError(f"{name} has one column; a file with tags has a word and its tag in each line")
    for number, key in zip((word, tag), columns.keys, strict=True):
        if number > size:
            raise RecipeError(f"{name} has {size} columns, so {key} cannot be {number}")
    word, tag = (word or 1) - 1, (tag or size) - 1
    found: list[TaggedSentence] = []
    for block in _blocks(lines, separator, size, is_conllu=is_conllu):
        pairs: list[tuple[str, str]] = []
        for number, cells in block:
            if len(cells) <= max(word, tag) or not cells[word] or not cells[tag]:
                raise RecipeError(
                    f"{name}, line {number}: a word and its tag are missing: {len(cells)} of {size} columns"
                )
            if cells[word] != DOCUMENT:
                pairs.append((" ".join(cells[word].split()), cells[tag]))
        for start in range(0, len(pairs), LONGEST):
            words, tags = zip(*pairs[start : start + LONGEST], strict=True)
            found.append(TaggedSentence(words, tags, block[0][0]))
    if not found:
        raise RecipeError(f"{name} has no words with tags")
    return found


def _has_tabs(lines: Sequence[str]) -> bool:
    with_words = [line for line in lines if line.strip() and not line.startswith("#")]
    return 2 * sum("\t" in line for line in with_words) > len(with_words)


def _is_conllu(lines: Sequence[str]) -> bool:
    rows = (line.split("\t") for line in lines if line.strip() and not line.startswith("#"))
    first = next(rows, [])
    return len(first) == CONLLU_COLUMNS and bool(_CONLLU_NUMBER.fullmatch(first[0]))


def _cells(line: str, separator: str | None) -> list[str]:
    return [cell.strip() for cell in line.split(separator)]


def _num_columns(lines: Sequence[str], separator: str | None) -> int:
    """How many columns most lines have."""
    words = (line for line in lines if line.strip() and not line.startswith("#"))
    counts = Counter(len(_cells(line, separator)) for line in words)
    return counts.most_common(1)[0][0] if counts else 0


def _blocks(
    lines: Sequence[str], separator: str | None, size: int, *, is_conllu: bool
) -> Iterator[list[tuple[int, list[str]]]]:
    """The lines of each sentence as cells, with their numbers; without comments, which have other columns."""
    block: list[tuple[int, list[str]]] = []
    for number, line in enumerate((*lines, ""), 1):
        cells = _cells(line, separator)
        if not line.strip():
            if block:
                yield block
            block = []
        elif (line.startswith("#") and len(cells) != size) or (is_conllu and not cells[0].isdigit()):
            continue
        else:
            block.append((number, cells))
