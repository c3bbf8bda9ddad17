"""Recognise a text whose words are marked up and divided by spaces, such as WikiText and the Penn Treebank.

Imports neither torch nor numpy.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.named_files import opened
from seqshell.core.text_files import PACKED

TOKENIZER = "whitespace"
MARKS = ("<unk>", "@-@", "@,@", "@.@")  # a rare word; a hyphen, comma or point inside a word
LINE_END = "<eos>"  # a text with this mark has its own ends of lines
HEAD = 2_000_000  # bytes that are looked at
WORDS_PER_MARK = 1000  # a marked text has at least one mark in so many words

# The model for such a text: words are many, so the read-out shares the matrix of the embedding.
BATCH = {"batch_size": 16, "sequence_length": 32}  # a word is about five characters
MODEL = {"embed_size": 200, "hidden_size": 200, "tied": True, "embed_dropout": 0.3, "dropout": 0.3}


def find_marks(path: Path) -> tuple[str, ...]:
    """The marks of a text, the most frequent first; none if it has too few to be a marked text.

    Raises RecipeError if the file cannot be read.
    """
    words = Counter(_head(path).split())
    found = {mark: number for mark in MARKS if (number := words[mark.encode()])}
    if sum(found.values()) * WORDS_PER_MARK < words.total():
        return ()
    marks = sorted(found, key=lambda mark: -found[mark])
    return (*marks, LINE_END) if found and words[LINE_END.encode()] else tuple(marks)


def use_words(tables: dict[str, Any], marks: tuple[str, ...]) -> None:
    """Change the tables of the recipe `text` to those of a model of words."""
    tables["tokenizer"] = {"name": TOKENIZER, "end_of_line": LINE_END not in marks}
    tables["model"] |= MODEL
    tables["training"] |= BATCH


def describe(name: str, marks: tuple[str, ...], tokenizer: str) -> tuple[str, ...]:
    """What was understood of a text with these marks, in words; nothing for one without marks."""
    if not marks:
        return ()
    shown = marks[0] if len(marks) == 1 else f"{', '.join(marks[:-1])} and {marks[-1]}"
    if tokenizer != TOKENIZER:
        return (
            f"{name} has the marks {shown}: --set tokenizer.name={TOKENIZER} reads each as one token, as papers count, "
            f"{tokenizer} does not",
        )
    lines = "" if LINE_END in marks else ", and so is the end of each line"
    return (
        f"{name} has words divided by spaces, and the marks {shown}: each word or mark is one token{lines} "
        "(--set tokenizer.name=char to read characters instead)",
    )


def _head(path: Path) -> bytes:
    """The beginning of a file, without the word that is cut."""
    with opened(path, error=RecipeError) as file:
        try:
            data: bytes = (gzip.GzipFile(fileobj=file) if path.name.lower().endswith(PACKED) else file).read(HEAD)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return b""  # whoever reads the text reports it
    return data if len(data) < HEAD else data[: max(data.rfind(b" "), data.rfind(b"\n"))]
