"""What the cells of a column are: numbers, times, words, codes that count or name rows, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from seqshell.core.tables.numbers import BOOLEANS, is_gap, is_number
from seqshell.core.tables.time_formats import patterns_of

SAMPLE = 500  # cells, spread over the column, that show what it holds
MOST = 0.9  # share of the cells that have to be numbers or times; the others are faults, or gaps
FEW = 3  # how often each value of a column of few values occurs, on average
MOST_LABELS = 200  # different ones; texts that are often repeated have more
LONG_LABEL = 50  # characters, on average
# How programs write that there is no text or label; "none" and "-" may be labels.
NO_TEXT = frozenset(("", "nan", "NaN", "NAN", "NA", "N/A", "<NA>", "#N/A", "null", "NULL"))
EMPTY, NUMBER, BOOLEAN, TIME, CODE, WORDS = "empty", "number", "boolean", "time", "code", "words"


@dataclass(frozen=True)
class Content:
    """What a column holds. name: of the column. cells: all of its cells, stripped."""

    name: str
    cells: tuple[str, ...]

    @cached_property
    def kind(self) -> str:
        """EMPTY, NUMBER, BOOLEAN, TIME, CODE (single words with digits, nearly all different) or WORDS."""
        return kind_of([cell for cell in self.cells if not is_gap(cell)])

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The cells that are not missing; among words, "none" and "-" are not."""
        if self.kind in (WORDS, CODE):
            return tuple(cell for cell in self.cells if cell not in NO_TEXT)
        return tuple(cell for cell in self.cells if not is_gap(cell))

    @cached_property
    def num_distinct(self) -> int:
        """The number of different values."""
        return len(set(self.values))

    @property
    def is_constant(self) -> bool:
        """True if all values are the same."""
        return self.num_distinct == 1

    @property
    def has_few_values(self) -> bool:
        """True if the values may be labels: at least two, short, each of them FEW times on average."""
        return 1 < self.num_distinct <= min(MOST_LABELS, len(self.values) // FEW) and sum(
            map(len, self.values)
        ) <= LONG_LABEL * len(self.values)

    @property
    def num_words(self) -> float:
        """The number of words in a cell, on average."""
        return sum(len(cell.split()) for cell in self.values) / max(1, len(self.values))

    @property
    def counts(self) -> bool:
        """True if the cells are whole numbers that rise by one from row to row, as an index does."""
        return counts(self.cells)


def kind_of(cells: Sequence[str]) -> str:
    """The kind of the cells, none of them missing; a sample of them decides."""
    if not cells:
        return EMPTY
    sample = cells[:: max(1, len(cells) // SAMPLE)]
    least = min(MOST * len(sample), len(sample) - (len(sample) > 2))  # one fault at least may be among them
    if all(cell.strip().lower() in BOOLEANS for cell in sample):
        return BOOLEAN
    if sum(map(is_number, sample)) >= least:
        return NUMBER
    if sum(map(is_time, sample)) >= least:
        return TIME
    if all(_is_code(cell) for cell in sample) and len(set(sample)) >= least:
        return CODE
    return WORDS


def is_time(cell: str) -> bool:
    """True if a cell is a date or a time, and not a number."""
    text = " ".join(cell.split())
    return not is_number(text) and any(True for _ in patterns_of(text))


def counts(cells: Sequence[str]) -> bool:
    """True for two or more whole numbers that rise by one."""
    first = cells[0] if cells else ""
    return (
        len(cells) > 1
        and first.isascii()
        and first.isdigit()
        and all(cell == str(number) for number, cell in enumerate(cells, int(first)))
    )


def _is_code(cell: str) -> bool:
    """True for a single word with a digit, such as tt0111161."""
    return len(cell.split()) == 1 and any(each.isdigit() for each in cell)
