"""Read rows of numbers from text: a typed line, a file of values or a table with named columns. Errors say where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.tables.numbers import is_gap
from seqshell.core.text_output import counted

Row = tuple[float, ...]
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WORD = re.compile(r"[^\s,]+|,")


@dataclass(frozen=True)
class _Cell:
    """A value as text, and the index of its first character in the whole text. Empty if a value is missing."""

    text: str
    start: int


@dataclass(frozen=True)
class _Line:
    """A non-blank line: its number, from 1, and the index of its first character in the whole text."""

    number: int
    text: str
    start: int


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
    if _has_names(lines):
        return _rows_of_table(text, lines, columns)
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


def read_other_columns(text: str, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the cells of the columns that `read_rows` ignores, by name; empty for a text that is not a table."""
    lines = list(_lines(text))
    if not _has_names(lines):
        return {}
    separator = _separator(lines[0])
    names, *rows = ([cell.text for cell in _cells(line, separator)] for line in lines)
    return {
        name: [row[index] for row in rows if index < len(row)]
        for index, name in enumerate(names)
        if name not in columns
    }


def _has_names(lines: Sequence[_Line]) -> bool:
    """True if the first of several lines names columns."""
    return len(lines) > 1 and not any(_NUMBER.fullmatch(cell.text) for cell in _split(lines[0]))


def _rows_of_table(text: str, lines: Sequence[_Line], columns: Sequence[str]) -> list[Row]:
    """Read the columns of the series from a table whose first line names the columns."""
    separator = _separator(lines[0])
    names = [cell.text for cell in _cells(lines[0], separator)]
    for name in columns:
        if name not in names:
            raise UsageError(f"the table has no column {name!r}, which the model reads; it has {', '.join(names):.200}")
    indices = [names.index(name) for name in columns]
    rows = []
    for line in lines[1:]:
        cells = _cells(line, separator)
        if len(cells) != len(names):
            raise UsageError(
                f"line {line.number} has {counted(len(cells), 'cell')}, but the first line names {len(names)} columns"
            )
        rows.append(
            tuple(_value(cells[index], f"line {line.number}, column {names[index]}", text) for index in indices)
        )
    return rows


def _separator(line: _Line) -> str | None:
    """Return the character that separates the cells of a table with this first line; None for spaces."""
    return next((character for character in (",", ";", "\t") if character in line.text), None)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _Line(number, line, start)
        start += len(line) + 1


def _split(line: _Line) -> Iterator[_Cell]:
    """Split a line at spaces and commas. Yields an empty cell where a value is missing next to a comma."""
    after_comma, found = True, None
    for found in _WORD.finditer(line.text):
        if found[0] != ",":
            yield _Cell(found[0], line.start + found.start())
        elif after_comma:
            yield _Cell("", line.start + found.start())
        after_comma = found[0] == ","
    if after_comma and found is not None:
        yield _Cell("", line.start + found.start())


def _cells(line: _Line, separator: str | None) -> list[_Cell]:
    """Split a line of a table into its cells; a cell may be quoted."""
    if separator is None:
        return [_Cell(found[0], line.start + found.start()) for found in re.finditer(r"\S+", line.text)]
    cells = []
    for found in re.finditer(rf'(?:^|{separator})(\s*"(?:[^"]|"")*"\s*(?={separator}|$)|[^{separator}]*)', line.text):
        cell = found[1].strip()
        quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
        start = line.start + found.end(1) - len(found[1].lstrip())
        cells.append(_Cell(cell[1:-1].strip() if quoted else cell, start + quoted))
    return cells


def _value(cell: _Cell, where: str, text: str) -> float:
    """Return the number in a cell. Raises VocabularyError with its position in the text."""
    value = float(cell.text) if _NUMBER.fullmatch(cell.text) else None
    if value is not None and abs(value) != float("inf"):
        return value + 0.0
    positions = tuple(range(cell.start, cell.start + max(1, len(cell.text))))
    if not cell.text:
        reason = f"a value is missing ({where}); a series cannot have gaps"
    elif is_gap(cell.text):
        reason = f"{cell.text!r} is a missing value ({where}); a series cannot have gaps"
    elif value is None:
        reason = f"{cell.text[:40]!r} is not a number ({where})"
    else:
        reason = f"{cell.text[:40]} is too large ({where})"
    raise VocabularyError(reason, text=text, positions=positions)
