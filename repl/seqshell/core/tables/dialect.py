"""The rows of a table in text: its delimiter, its quotes, comments above it, and the line `sep=;` of spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import counted

TAB_ENDINGS = (".tsv", ".tab")
DELIMITERS = "\t;|,"  # a comma last: it is also in numbers and texts
NO_DELIMITER = "\x1f"  # of a single column; in no text
COMMENT = "#"
SNIFFED = 65_536  # characters that show the delimiter
ENOUGH = 0.9  # share of the rows with as many cells as the first that settles the delimiter
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """The cells of a row that is not blank, and its number from 1; lines above the table are counted."""

    cells: list[str]
    number: int


@dataclass(frozen=True)
class RawTable:
    """The rows of a table as they stand in the file. names: from a comment that names the columns, or None."""

    rows: tuple[Row, ...]
    delimiter: str
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None


def read_rows(name: str, text: str) -> RawTable:
    """The rows of a table. name: of its file, for messages; in .tsv and .tab files cells are separated by tabs.

    Cells may be quoted as in RFC 4180; between tabs, quotes are part of the text unless all cells that have some are
    quoted so. Raises RecipeError for a quotation mark that is not closed.
    """
    lines = text.removesuffix("\n").split("\n")
    first = 0
    delimiter = ""
    if found := _SEPARATOR_LINE.fullmatch(lines[0].strip()):
        delimiter, first = found[1], 1
    comments, start = [], first
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith(COMMENT)):
        if lines[start].strip():
            comments.append(start)
        start += 1
    body = "\n".join(lines[start:])
    delimiter = delimiter or _delimiter(name, body)
    rows = _parsed(name, body, delimiter, start)
    usual = Counter(len(row.cells) for row in rows).most_common(1)[0][0] if rows else 0
    names: tuple[str, ...] | None = None
    if comments and usual > 1:
        cells = _parsed(name, lines[comments[-1]], delimiter, comments[-1])[0].cells
        if len(cells) == usual:
            names = tuple(cell.strip() for cell in (cells[0].lstrip(COMMENT), *cells[1:]))
            comments.pop()
    note = f"{counted(len(comments), 'comment line')} left out" if comments else ""
    return RawTable(rows, delimiter, tuple(filter(None, (note,))), names)


def _delimiter(name: str, body: str) -> str:
    """The delimiter that gives most rows as many cells as the first; "" for a single column."""
    if "\t" in body and name.lower().removesuffix(".gz").endswith(TAB_ENDINGS):
        return "\t"
    sample = body if len(body) <= SNIFFED else body[: body.rfind("\n", 0, SNIFFED)]
    scores: dict[str, float] = {}
    for delimiter in DELIMITERS:
        if delimiter in sample and (sizes := _sizes(sample, delimiter)):
            usual, number = Counter(sizes).most_common(1)[0]
            share = number / len(sizes)
            is_title = sizes[0] == 1 and number >= ENOUGH * (len(sizes) - 1)  # a first row of one cell may be one
            if usual > 1 and (sizes[0] > 1 or is_title):
                scores[delimiter] = share + (sizes[0] == usual)  # names tell more than texts with delimiters
    best = min(max(scores.values(), default=0.0), 1 + ENOUGH)
    return next((delimiter for delimiter, score in scores.items() if score >= best), "")


def _sizes(sample: str, delimiter: str) -> list[int]:
    """The number of cells in each row that is not blank."""
    try:
        rows = list(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter))
    except csv.Error:
        return []
    return [len(row) for row in rows if row]


def _parsed(name: str, body: str, delimiter: str, above: int) -> tuple[Row, ...]:
    """The rows that are not blank. above: lines of the file above them."""
    if delimiter == "\t" and not has_quoted_cells(body):
        cells: Iterator[list[str]] = (line.split("\t") if line.strip() else [] for line in body.split("\n"))
    else:
        cells = _quoted(name, body, delimiter or NO_DELIMITER, above)
    rows = (Row(row, number) for number, row in enumerate(cells, above + 1))
    return tuple(row for row in rows if any(cell.strip() for cell in row.cells))


def _quoted(name: str, body: str, delimiter: str, above: int) -> Iterator[list[str]]:
    """The rows of cells that may be quoted."""
    reader, number = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True), above
    while True:
        number += 1
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            wrong = "a quotation mark is not closed" if "end of data" in str(error) else str(error)
            wrong = "there is text after the quotation mark that closes a cell" if "expected after" in wrong else wrong
            raise RecipeError(f"{name}, row {number}: {wrong}") from None


def has_quoted_cells(body: str) -> bool:
    """True if cells between tabs are quoted as in RFC 4180.

    All cells with quotation marks must be quoted, and those must either need it or fill a column.
    """
    if '"' not in body:
        return False
    try:
        rows = [row for row in csv.reader(io.StringIO(body, newline=""), delimiter="\t", strict=True) if row]
    except csv.Error:
        return False
    raw = [line.split("\t") for line in body.split("\n") if line.strip()]
    if len(raw) != len(rows):  # a line break or nothing but tabs within quotes
        return len({len(row) for row in rows}) == 1
    changed = [
        (cell, given, place)
        for row, given_row in zip(rows, raw, strict=True)
        if len(row) == len(given_row)
        for place, (cell, given) in enumerate(zip(row, given_row, strict=True))
        if '"' in given
    ]
    if any(not _is_quoted(given) for _, given, _ in changed):
        return False
    sides = Counter(place for _, _, place in changed)
    return all('"' in cell or sides[place] >= len(raw) - 1 for cell, _, place in changed)


def _is_quoted(cell: str) -> bool:
    return bool(re.fullmatch(r'"(?:[^"]|"")*"', cell))
