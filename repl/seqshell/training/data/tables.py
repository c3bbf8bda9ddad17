"""CSV and TSV tables with a row of column names, read strictly: errors name row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from seqshell.core.errors import RecipeError
from seqshell.training.data.text import read_text

TAB_ENDINGS = (".tsv", ".tab")


@dataclass(frozen=True)
class TableFile:
    """A table of text cells. name, digest: of its file, the digest being the sha256. rows: below the column names.

    numbers: of the rows as in a spreadsheet: the names are row 1, and blank rows are counted.
    """

    name: str
    digest: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]

    def place(self, column: str, key: str) -> int:
        """The index of a column. Raises RecipeError if it is missing or ambiguous; key: what selects another column."""
        if column not in self.columns:
            known = ", ".join(map(repr, self.columns))
            raise RecipeError(f"{self.name}, row 1: no column {column!r}; select one of {known} with {key}")
        if self.columns.count(column) > 1:
            raise RecipeError(f"{self.name}, row 1: more than one column is named {column!r}")
        return self.columns.index(column)

    def where(self, index: int, column: str) -> str:
        """The position of a cell for a message. index: of the row, from 0."""
        return f"{self.name}, row {self.numbers[index]}, column {column}"


def read_table(file: str, folder: Path = Path(), origin: str = "") -> TableFile:
    """Read a table. folder: where relative paths start. origin: where the user can get a missing file.

    In .tsv and .tab files, cells are separated by tabs and not quoted. In others they are separated by commas or, if
    the first row has none, by semicolons or tabs, and may be quoted as in RFC 4180. `.gz` may follow the ending.
    Raises RecipeError for unreadable files, rows of different lengths, or no rows.
    """
    name, text, digest = read_text(file, folder, origin)
    (first, *_), *rows = _cells(name, text) or [([""], 1)]
    columns = tuple(cell.strip() for cell in first)
    for row, number in rows:
        if len(row) != len(columns):
            raise RecipeError(f"{name}, row {number}: {len(row)} cells, but the first row names {len(columns)} columns")
    if not rows:
        raise RecipeError(f"{name} has no rows below the column names")
    return TableFile(name, digest, columns, tuple(tuple(row) for row, _ in rows), tuple(number for _, number in rows))


def column_names(path: Path) -> tuple[str, ...]:
    """The column names in the first row of a file; () if it cannot be read as a table."""
    return next(iter(first_rows(path, 1)), ())


def first_rows(path: Path, number: int) -> list[tuple[str, ...]]:
    """The cells of the rows in the first `number` lines, without blank rows; [] if they cannot be read as a table."""
    try:
        _, text, _ = read_text(str(path))
        rows = _cells(path.name, "\n".join(text.split("\n", number)[:number]))
    except RecipeError:
        return []
    return [tuple(cell.strip() for cell in row) for row, _ in rows]


def _cells(name: str, text: str) -> list[tuple[list[str], int]]:
    """The cells and the number, from 1, of each row that is not blank."""
    return [(row, number) for number, row in enumerate(_rows(name, text), 1) if row]


def _rows(name: str, text: str) -> Iterator[list[str]]:
    """All rows; a blank one is an empty list."""
    if PurePath(name.removesuffix(".gz")).suffix.lower() in TAB_ENDINGS:
        yield from (line.split("\t") if line else [] for line in text.removesuffix("\n").split("\n"))
        return
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    reader, number = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 0
    while True:
        number += 1
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            wrong = "a quotation mark is not closed" if "end of data" in str(error) else str(error)
            raise RecipeError(f"{name}, row {number}: {wrong}") from None
