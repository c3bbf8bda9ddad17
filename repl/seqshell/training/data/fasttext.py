"""Labelled texts as fastText reads them: `__label__NAME text` in each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seqshell.core.errors import RecipeError

MARK = "__label__"
SAMPLE = 1000  # lines that show the format
MOST = 0.9  # share of them that begin with a label


def is_fasttext(text: str) -> bool:
    """True if nearly all lines begin with a label."""
    lines = [line for line in text.split("\n", SAMPLE)[:SAMPLE] if line.strip()]
    return bool(lines) and sum(line.lstrip().startswith(MARK) for line in lines) >= MOST * len(lines)


def read_fasttext(name: str, lines: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """(label, text, line number) of each line that is not blank.

    Raises RecipeError for a line without a label, or with several.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        label, *words = line.split()
        if not label.startswith(MARK) or label == MARK:
            raise RecipeError(f"{name}, line {number}: no {MARK}NAME before the text")
        if words and words[0].startswith(MARK):
            raise RecipeError(f"{name}, line {number}: more than one label; a text has one")
        yield label.removeprefix(MARK), " ".join(words), number
