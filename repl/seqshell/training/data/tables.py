"""Tables with a row of column names, CSV and TSV, read strictly: whatever is wrong is told with its row and column. Knows nothing of tasks."""

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
    """A table as texts. name, digest: of its file, the sha256 of its bytes. rows: below the names, each with a cell for every column.

    numbers: of the rows, as a spreadsheet counts them: the names are row 1, blank rows count.
    """

    name: str
    digest: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]

    def place(self, column: str, way_out: str) -> int:
        """Where a column stands, from 0. RecipeError when it is not there or there twice; way_out: what names another one."""
        if column not in self.columns:
            raise RecipeError(
                f"{self.name}, row 1: there is no column {column!r}, but {', '.join(map(repr, self.columns))}; {way_out} names another"
            )
        if self.columns.count(column) > 1:
            raise RecipeError(f"{self.name}, row 1: the column {column!r} is there twice")
        return self.columns.index(column)

    def where(self, index: int, column: str) -> str:
        """The cell of a row, numbered from 0, and a column in words."""
        return f"{self.name}, row {self.numbers[index]}, column {column}"


def read_table(word: str, folder: Path = Path(), origin: str = "") -> TableFile:
    """The table in a file; relative paths start at `folder`, and `origin` says where a missing file comes from.

    A file that ends in .tsv has tabs between its cells and no quotes; any other has commas, or, where its first row has none, semicolons or tabs,
    and quotes as in RFC 4180. `.gz` may follow the ending. RecipeError for what cannot be read, rows of another length, or no rows at all.
    """
    name, text, digest = read_text(word, folder, origin)
    (first, *_), *rows = _cells(name, text) or [([""], 1)]
    columns = tuple(cell.strip() for cell in first)
    for row, number in rows:
        if len(row) != len(columns):
            raise RecipeError(
                f"{name}, row {number}: it has {len(row)} cells, and the first row names {len(columns)} columns"
            )
    if not rows:
        raise RecipeError(f"{name} has no rows below the names of its columns")
    return TableFile(name, digest, columns, tuple(tuple(row) for row, _ in rows), tuple(number for _, number in rows))


def column_names(path: Path) -> tuple[str, ...]:
    """The names in the first row of a file, whatever follows it; empty when it cannot be read as a table."""
    return next(iter(first_rows(path, 1)), ())


def first_rows(path: Path, number: int) -> list[tuple[str, ...]]:
    """The cells of the first rows that are not blank, as far as the first `number` lines of a file can be read as a table."""
    try:
        _, text, _ = read_text(str(path))
        rows = _cells(path.name, "\n".join(text.split("\n", number)[:number]))
    except RecipeError:
        return []
    return [tuple(cell.strip() for cell in row) for row, _ in rows]


def _cells(name: str, text: str) -> list[tuple[list[str], int]]:
    """The cells of every row that is not blank, and its number from 1."""
    return [(row, number) for number, row in enumerate(_rows(name, text), 1) if row]


def _rows(name: str, text: str) -> Iterator[list[str]]:
    """All rows, an empty list for a blank one."""
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
            wrong = "a quotation mark is opened and never closed" if "end of data" in str(error) else str(error)
            raise RecipeError(f"{name}, row {number}: {wrong}") from None
