"""Read rows of numbers from text: a typed line, a file of values or a table with named columns. Errors say where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError, UsageError, VocabularyError
from seqshell.core.tables.dialect import COMMENT
from seqshell.core.tables.numbers import CellFault, is_gap, read_numbers
from seqshell.core.tables.reading import parse_table
from seqshell.core.text_output import counted, quoted

Row = tuple[float, ...]
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WORD = re.compile(r"[^\s,]+|,")


@dataclass(frozen=True)
class Cell:
    """A value as text, and the index of its first character in the whole text. Empty if a value is missing."""

    text: str
    start: int


@dataclass(frozen=True)
class _Line:
    """A non-blank line: its number, from 1, and the index of its first character in the whole text."""

    number: int
    text: str
    start: int


@dataclass(frozen=True)
class TextTable:
    """A table with named columns in a text. rows: their cells, as many as names. lines: the numbers of their lines.

    separator: between the cells, "" for spaces. notes: what was left out of the text, for people.
    """

    text: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    separator: str
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> list[str]:
        """The cells of a column."""
        index = self.names.index(name)
        return [row[index] for row in self.rows]

    def fault(self, index: int, name: str, message: str) -> VocabularyError:
        """An error about a cell, with its positions in the text. message: `{}` is where it is."""
        number, column = self.lines[index], self.names.index(name)
        line = next(line for line in _lines(self.text) if line.number == number)
        cells = _cells(line, self.separator or None)
        place = column + max(0, len(cells) - len(self.names))  # columns that are left out are mostly the first
        cell = cells[place] if place < len(cells) else Cell("", line.start)
        positions = tuple(range(cell.start, cell.start + max(1, len(cell.text))))
        return VocabularyError(message.format(f"line {number}, column {name}"), text=self.text, positions=positions)

    def gap(self, index: int, name: str, rule: str = "a series cannot have gaps") -> VocabularyError:
        """An error about a missing value."""
        cell = self.rows[index][self.names.index(name)].strip()
        return self.fault(
            index, name, f"{f'{quoted(cell)} is a missing value' if cell else 'a value is missing'} ({{}}); {rule}"
        )


def as_rows(values: Any, columns: Sequence[str]) -> list[Row]:
    """Convert numbers [M, F], or [M] for one column, to rows.

    Raises UsageError for other shapes, NaN and infinity.
    """
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UsageError("a series must be numbers in rows of equal length") from None
    if array.ndim <= 1 and len(columns) == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != len(columns):
        row = f"{counted(len(columns), 'value')}: {', '.join(columns)}"
        raise UsageError(f"values of shape {list(array.shape)} are not rows of {row}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise UsageError(
            f"row {bad[0][0] + 1}, column {columns[bad[0][1]]}: {array[tuple(bad[0])]} is not a finite number"
        )
    return [tuple(row) for row in (array + 0.0).tolist()]  # + 0.0 turns -0.0 into 0.0


def read_rows(text: str, columns: Sequence[str]) -> list[Row]:
    """Read rows of F values separated by spaces or commas. A line may contain several rows.

    If a text has several lines, the first may name columns. Then only the columns of the series are read; others, such
    as a time, are ignored. Raises VocabularyError, with positions, for a word that is not a number, and UsageError for
    a line that is not a whole number of rows.
    """
    lines = list(_lines(text))
    table = read_table(text)
    if table is not None:
        found = table_values(table, columns)
        gaps = np.argwhere(np.isnan(found))
        if len(gaps):
            raise table.gap(int(gaps[0][0]), columns[gaps[0][1]])
        return [tuple(row) for row in found.tolist()]
    names = [cell.text for line in lines[:1] for cell in _cells(line, _separator(line))]
    if len(lines) == 1 and set(columns) <= set(names) and (_separator(lines[0]) or len(names) == len(columns)):
        raise UsageError(f"no rows below the column names: {lines[0].text.strip():.200}")
    rows: list[Row] = []
    for line in lines:
        where = f"line {line.number}, " if len(lines) > 1 else ""
        values = [_value(cell, f"{where}value {number}", text) for number, cell in enumerate(_split(line), 1)]
        if len(values) % len(columns):
            has = f"line {line.number} has" if len(lines) > 1 else "your line has"
            raise UsageError(
                f"{has} {counted(len(values), 'value')}, but a row has {len(columns)}: {', '.join(columns)}"
            )
        rows += [tuple(values[start : start + len(columns)]) for start in range(0, len(values), len(columns))]
    return rows


def read_table(text: str, has_made_up_names: bool = False) -> TextTable | None:
    """The table in a text whose first line has names and no numbers, as training reads it; None for other texts.

    has_made_up_names: the columns have the names that training makes up, so that no line has names. Cells may also be
    separated by spaces. Raises UsageError for a line of another length than the first.
    """
    lines = list(_lines(text))
    below = [line for line in lines if not line.text.startswith(COMMENT)]
    is_json = text.lstrip().startswith("{")
    separator = _separator(below[0]) if below else None
    is_unnamed = has_made_up_names and separator is not None and len(below) > 1
    if not (_has_names(below) or (is_json and lines) or len(below) < len(lines) or is_unnamed):
        return None
    if separator is None and not is_json:
        return _spaced(text, below) if _has_names(below) else None
    try:
        table = parse_table(
            "the table.jsonl" if is_json else "the table", text, header="auto" if is_json or is_unnamed else "yes"
        )
    except RecipeError as error:
        raise UsageError(error.message) from None
    return TextTable(text, table.columns, table.rows, table.numbers, table.delimiter, table.notes)


def _spaced(text: str, lines: Sequence[_Line]) -> TextTable:
    """A table whose cells are separated by spaces."""
    names, *rows = (tuple(cell.text for cell in _cells(line, None)) for line in lines)
    for line, row in zip(lines[1:], rows, strict=True):
        if len(row) != len(names):
            raise UsageError(
                f"line {line.number} has {counted(len(row), 'cell')}, but the first line names {len(names)} columns"
            )
    return TextTable(text, names, tuple(rows), tuple(line.number for line in lines[1:]), "")


def table_values(table: TextTable, columns: Sequence[str], num_rows: int | None = None) -> NDArray[np.float64]:
    """The values of columns as [N, F], of the first `num_rows` rows or all; NaN for missing ones.

    The cells are read as in training. Raises UsageError for a missing column and VocabularyError for other cells.
    """
    for name in columns:
        if name not in table.names:
            known = ", ".join(table.names)
            raise UsageError(f"the table has no column {quoted(name)}, which the model reads; it has {known:.200}")
    found = []
    for name in columns:
        try:
            found.append(read_numbers(table.column(name)[:num_rows], delimiter=table.separator).values)
        except CellFault as fault:
            raise table.fault(fault.index, name, f"{_escaped(fault.message)} ({{}})") from None
    return np.array(found, np.float64).T


def _has_names(lines: Sequence[_Line]) -> bool:
    """True if the first of several lines names columns."""
    return len(lines) > 1 and not any(_NUMBER.fullmatch(cell.text) for cell in _split(lines[0]))


def _escaped(message: str) -> str:
    return message.replace("{", "{{").replace("}", "}}")


def _separator(line: _Line) -> str | None:
    """Return the character that separates the cells of a table with this first line; None for spaces."""
    return next((character for character in (",", ";", "\t") if character in line.text), None)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _Line(number, line, start)
        start += len(line) + 1


def _split(line: _Line) -> Iterator[Cell]:
    """Split a line at spaces and commas. Yields an empty cell where a value is missing next to a comma."""
    after_comma, found = True, None
    for found in _WORD.finditer(line.text):
        if found[0] != ",":
            yield Cell(found[0], line.start + found.start())
        elif after_comma:
            yield Cell("", line.start + found.start())
        after_comma = found[0] == ","
    if after_comma and found is not None:
        yield Cell("", line.start + found.start())


def _cells(line: _Line, separator: str | None) -> list[Cell]:
    """Split a line of a table into its cells; a cell may be quoted."""
    if separator is None:
        return [Cell(found[0], line.start + found.start()) for found in re.finditer(r"\S+", line.text)]
    cells = []
    for found in re.finditer(rf'(?:^|{separator})(\s*"(?:[^"]|"")*"\s*(?={separator}|$)|[^{separator}]*)', line.text):
        cell = found[1].strip()
        quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
        start = line.start + found.end(1) - len(found[1].lstrip())
        cells.append(Cell(cell[1:-1].strip() if quoted else cell, start + quoted))
    return cells


def _value(cell: Cell, where: str, text: str) -> float:
    """Return the number in a cell. Raises VocabularyError with its position in the text."""
    value = float(cell.text) if _NUMBER.fullmatch(cell.text) else None
    if value is not None and abs(value) != float("inf"):
        return value + 0.0
    positions = tuple(range(cell.start, cell.start + max(1, len(cell.text))))
    if not cell.text:
        reason = f"a value is missing ({where}); a series cannot have gaps"
    elif is_gap(cell.text):
        reason = f"{quoted(cell.text)} is a missing value ({where}); a series cannot have gaps"
    elif value is None:
        reason = f"{cell.text[:40]!r} is not a number ({where})"
    else:
        reason = f"{cell.text[:40]} is too large ({where})"
    raise VocabularyError(reason, text=text, positions=positions)
