"""Text to rows of numbers: a line that somebody typed, a file of values, a table with named columns. Each fault is told with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.text_output import counted

Row = tuple[float, ...]
# How tables write a missing value. Training and sessions share these words: a table has the same gaps for both. "." is from
# statistics packages, dashes are from spreadsheets, a signed nan is printed by C. Zero is a value, never a gap.
GAPS = frozenset(("", "nan", "+nan", "-nan", "na", "n/a", "null", "none", "-", "--", "?", "."))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WORD = re.compile(r"[^\s,]+|,")


@dataclass(frozen=True)
class _Cell:
    """A word of a text, and the character at which it begins; empty where nothing stands at a comma."""

    text: str
    start: int


@dataclass(frozen=True)
class _Line:
    """A line that is not blank: its number from 1, and the character of the whole text at which it begins."""

    number: int
    text: str
    start: int


def is_gap(cell: str) -> bool:
    """True if the text of a cell means that its value is missing."""
    return cell.strip().lower() in GAPS


def as_rows(values: Any, columns: Sequence[str]) -> list[Row]:
    """Numbers as rows: [M], where there is one column, or [M, F]. UsageError for other shapes, for gaps and for infinities."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UsageError("a series consists of numbers, in rows of one length") from None
    if array.ndim <= 1 and len(columns) == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != len(columns):
        raise UsageError(
            f"values of the shape {list(array.shape)} are no rows of {counted(len(columns), 'value')} ({', '.join(columns)})"
        )
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise UsageError(
            f"row {bad[0][0] + 1}, column {columns[bad[0][1]]}: {array[tuple(bad[0])]} is no number; a series has no gaps"
        )
    return [tuple(row) for row in (array + 0.0).tolist()]  # + 0.0: no minus before a zero


def read_rows(text: str, columns: Sequence[str]) -> list[Row]:
    """The rows of a text: values apart by spaces or commas, F for each row, as many rows on a line as one likes.

    Of several lines the first may name columns; those of the series are taken then, and others, such as a time, are left out.
    VocabularyError for a word that is no number, with its place; UsageError for a line that is no whole number of rows.
    """
    lines = list(_lines(text))
    if len(lines) > 1 and not any(_NUMBER.fullmatch(cell.text) for cell in _words(lines[0])):
        return _rows_of_table(text, lines, columns)
    names = [cell.text for line in lines[:1] for cell in _cells(line, _mark(line))]
    if len(lines) == 1 and set(columns) <= set(names) and (_mark(lines[0]) or len(names) == len(columns)):
        raise UsageError(f"there are no rows below the names of the columns: {lines[0].text.strip():.200}")
    rows: list[Row] = []
    for line in lines:
        where = f"line {line.number}, " if len(lines) > 1 else ""
        values = [_value(cell, f"{where}value {place}", text) for place, cell in enumerate(_words(line), 1)]
        if len(values) % len(columns):
            has = f"line {line.number} has" if len(lines) > 1 else "your line has"
            raise UsageError(
                f"{has} {counted(len(values), 'value')}, and a row has {len(columns)}: {', '.join(columns)}"
            )
        rows += [tuple(values[start : start + len(columns)]) for start in range(0, len(values), len(columns))]
    return rows


def _rows_of_table(text: str, lines: Sequence[_Line], columns: Sequence[str]) -> list[Row]:
    """The columns of the series from a table whose first line names its own."""
    comma = _mark(lines[0])
    names = [cell.text for cell in _cells(lines[0], comma)]
    for name in columns:
        if name not in names:
            raise UsageError(f"the table has no column {name!r}, which the model reads; it has {', '.join(names):.200}")
    places = [names.index(name) for name in columns]
    rows = []
    for line in lines[1:]:
        cells = _cells(line, comma)
        if len(cells) != len(names):
            raise UsageError(
                f"line {line.number} has {counted(len(cells), 'cell')}, and the first line names {len(names)} columns"
            )
        rows.append(tuple(_value(cells[place], f"line {line.number}, column {names[place]}", text) for place in places))
    return rows


def _mark(line: _Line) -> str | None:
    """What stands between the cells of a table with this first line; None: spaces."""
    return next((mark for mark in (",", ";", "\t") if mark in line.text), None)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _Line(number, line, start)
        start += len(line) + 1


def _words(line: _Line) -> Iterator[_Cell]:
    """The words of a line, apart by spaces or by one comma; an empty one where a value is missing beside a comma."""
    after_comma, found = True, None
    for found in _WORD.finditer(line.text):
        if found[0] != ",":
            yield _Cell(found[0], line.start + found.start())
        elif after_comma:
            yield _Cell("", line.start + found.start())
        after_comma = found[0] == ","
    if after_comma and found is not None:
        yield _Cell("", line.start + found.start())


def _cells(line: _Line, comma: str | None) -> list[_Cell]:
    """The cells of a row of a table."""
    if comma is None:
        return [_Cell(found[0], line.start + found.start()) for found in re.finditer(r"\S+", line.text)]
    cells = []
    for found in re.finditer(rf'(?:^|{comma})(\s*"(?:[^"]|"")*"\s*(?={comma}|$)|[^{comma}]*)', line.text):
        cell = found[1].strip()
        quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
        place = line.start + found.end(1) - len(found[1].lstrip())
        cells.append(_Cell(cell[1:-1].strip() if quoted else cell, place + quoted))
    return cells


def _value(cell: _Cell, where: str, text: str) -> float:
    """The number of a cell. VocabularyError with its place in the text."""
    value = float(cell.text) if _NUMBER.fullmatch(cell.text) else None
    if value is not None and abs(value) != float("inf"):
        return value + 0.0
    places = tuple(range(cell.start, cell.start + max(1, len(cell.text))))
    if not cell.text:
        reason = f"a value is missing ({where}); a series has no gaps"
    elif is_gap(cell.text):
        reason = f"{cell.text!r} is a gap ({where}); a series has none"
    else:
        reason = (
            f"{cell.text[:40]!r} is no number ({where})"
            if value is None
            else f"{cell.text[:40]} is too large ({where})"
        )
    raise VocabularyError(reason, text=text, positions=places)
