"""Draws tables that fit the window: without the columns that matter least, with wrapped cells, or with long cells below
their row. No word is cut unless it is wider than its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prompt_toolkit.utils import get_cwidth

from seqshell.core.events import Table
from seqshell.core.sanitize import safe
from seqshell.core.text_output import cell
from seqshell.terminal.printer import Printer
from seqshell.terminal.wrapping import fitted, narrowest

NARROWEST = 20  # columns of the window; a wider column of the table may be wrapped down to this
COMFORTABLE = 36  # the same while there are optional columns to leave out
GAP, INDENT = "  ", "    "


@dataclass(frozen=True)
class Column:
    """The name and the cells of a column, as text. is_number: align it to the right."""

    name: str
    cells: tuple[str, ...]
    is_number: bool

    @cached_property
    def widest(self) -> int:
        """The width without wrapping."""
        return max(get_cwidth(line) for text in (self.name, *self.cells) for line in text.split("\n"))

    @cached_property
    def longest_word(self) -> int:
        """The width of the longest word, or of what may be left of it."""
        return max(map(narrowest, (self.name, *self.cells)))

    @cached_property
    def is_of_paths(self) -> bool:
        """Whether the cells are long words, which are shortened before the text of other columns is wrapped."""
        return self.longest_word < self.widest and not any(" " in text for text in self.cells)

    def least(self, narrowest_column: int) -> int:
        """The smallest width to which the column may be wrapped, but at least `narrowest_column` or all of it."""
        return min(self.widest, self.longest_word if self.is_of_paths else max(narrowest_column, self.longest_word))


def draw_table(printer: Printer, table: Table) -> None:
    """Draw the columns without lines between them, numbers aligned to the right."""
    if not table.rows:
        printer.line(f"{table.title or 'nothing'}: none" if table.title else "none", "dim")
        return
    if table.title:
        printer.line(table.title, "bold")
    printer.fresh_line()
    for line, is_heading in lines_of(table, printer.width):
        printer.write(line, "dim" if is_heading else "")
        printer.write("\n")


def lines_of(table: Table, width: int) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a table, none wider than `width`, each with whether it belongs to the heading."""
    columns = _columns(table)
    for name in table.optional:
        if _widths(columns, width, COMFORTABLE) is None:
            columns = [column for column in columns if column.name != name]
    widths = _widths(columns, width, NARROWEST)
    yield from _side_by_side(columns, widths) if widths is not None else _stacked(columns, width)


def _columns(table: Table) -> list[Column]:
    found = []
    for index, name in enumerate(table.columns):
        values = [row[index] if index < len(row) else None for row in table.rows]
        is_number = all(value is None or _is_number(value) for value in values)
        found.append(Column(safe(str(name)), tuple(safe(_text(value)) for value in values), is_number))
    return found


def _widths(columns: Sequence[Column], width: int, narrowest_column: int) -> list[int] | None:
    """Return the width of each column, the widest ones wrapped; None if they do not fit side by side."""
    room = width - len(GAP) * (len(columns) - 1)
    widths = [column.widest for column in columns]
    least = [column.least(narrowest_column) for column in columns]
    if sum(least) > room:
        return None
    while sum(widths) > room:
        wraps = [index for index, low in enumerate(least) if widths[index] > low]
        widths[max(wraps, key=lambda index: (columns[index].is_of_paths, widths[index]))] -= 1
    return widths


def _side_by_side(columns: Sequence[Column], widths: Sequence[int]) -> Iterator[tuple[str, bool]]:
    if any(column.name for column in columns):
        yield from ((line, True) for line in _row([column.name for column in columns], columns, widths))
    for cells in zip(*(column.cells for column in columns), strict=True):
        yield from ((line, False) for line in _row(cells, columns, widths))


def _stacked(columns: Sequence[Column], width: int) -> Iterator[tuple[str, bool]]:
    """Yield the first and all narrow columns side by side as far as they fit, and the others below each row."""
    beside = [columns[0]]
    widths = [min(columns[0].widest, width)]
    below = []
    for column in columns[1:]:
        if column.widest <= NARROWEST and sum(widths) + len(GAP) * len(widths) + column.widest <= width:
            beside.append(column)
            widths.append(column.widest)
        else:
            below.append(column)
    room = width - len(INDENT)
    names = ", ".join(filter(None, (column.name for column in below)))
    if any(column.name for column in columns):
        yield from ((line, True) for line in _row([column.name for column in beside], beside, widths))
        yield from ((INDENT + line, True) for line in fitted(names, room) if line)
    for index, cells in enumerate(zip(*(column.cells for column in beside), strict=True)):
        yield from ((line, False) for line in _row(cells, beside, widths))
        for column in below:
            label = f"{column.name}: " if len(below) > 1 and column.name else ""
            if text := column.cells[index]:
                yield from ((INDENT + line, False) for line in fitted(label + text, room))


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of one row."""
    parts = [fitted(text, width) for text, width in zip(cells, widths, strict=True)]
    for index in range(max(map(len, parts))):
        line = GAP.join(
            _padded(part[index] if index < len(part) else "", width, column.is_number)
            for part, width, column in zip(parts, widths, columns, strict=True)
        )
        yield line.rstrip(" ")


def _padded(text: str, width: int, to_right: bool) -> str:
    space = " " * (width - get_cwidth(text))
    return space + text if to_right else text + space


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else cell(value)
    return text.replace("\t", " ")
