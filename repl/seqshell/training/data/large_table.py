"""Tables that are too large to be read at once: their beginning shows what they are, then rows are read as needed."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, starmap
from pathlib import Path

from seqshell.core.errors import RecipeError
from seqshell.core.tables.dialect import NO_DELIMITER, Row, has_quoted_cells, read_rows
from seqshell.core.tables.json_rows import is_json, read_json
from seqshell.core.tables.reading import parse_table
from seqshell.core.tables.table_file import TableFile
from seqshell.core.tables.tidying import SAMPLE, without_totals
from seqshell.training.data.cell_blocks import CellBlock, Column, Irregular, Layout
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.json_arrays import array_lines, is_array
from seqshell.training.data.large_text import LargeText, Report, is_large, lines_of, unheard
from seqshell.training.data.row_scanning import end_of_first_row, scan_rows, start_of_text

BEGINNING = 1_000_000  # characters that show what a table is
LAST = SAMPLE  # rows, of which the last one may be a total of those above
TOGETHER = 10_000  # lines of JSON that are read together


@dataclass(frozen=True)
class LargeTable:
    """A table in a file.

    beginning: its first rows, which decide on columns, delimiter, quotes and names. size: their bytes, about.
    """

    text: LargeText
    beginning: TableFile
    size: int
    first: int  # lines above the first row that is no comment
    is_quoted: bool
    shift: int  # cells at the beginning of a row that are left out

    @property
    def times_longer(self) -> float:
        """How many times as long as its beginning the table is, about."""
        return self.text.size / self.size

    def blocks(self, columns: Sequence[Column], report: Report = unheard) -> Iterator[CellBlock]:
        """The cells of some columns, with the numbers of their rows, found by their bytes.

        Raises Irregular, perhaps after some blocks, if the rows must be read one by one.
        """
        delimiter = self.beginning.delimiter or NO_DELIMITER
        if is_json(self.text.path.name) or not delimiter.isascii():
            raise Irregular
        shifted = tuple(replace(column, place=column.place + self.shift) for column in columns)
        size = len(self.beginning.columns) + self.shift
        layout = Layout(shifted, ord(delimiter), delimiter != "\t" or self.is_quoted, size)
        above = self.first + self._has_header
        start = start_of_text(self.text, self.first)
        if self._has_header:
            start = end_of_first_row(self.text, layout, start)
        for block in scan_rows(self.text, layout, start, report, self._ends_in_total):
            yield replace(block, numbers=block.numbers + above + 1)

    @property
    def _has_header(self) -> bool:
        return self.beginning.has_names and self.beginning.numbers[0] > self.first + 1

    def _ends_in_total(self, tail: bytes) -> bool:
        """Whether the last of the rows has totals."""
        lines = lines_of([tail.decode().replace("\r\n", "\n")])
        rows = [Row(cells[self.shift :], number) for cells, number in self._raw(lines, 0)]
        return len(without_totals(rows)[0]) < len(rows)

    def rows(self, report: Report = unheard) -> Iterator[tuple[int, tuple[str, ...]]]:
        """The number and the cells of each row. Raises RecipeError, with the row, for one with other cells."""
        if is_json(self.text.path.name):
            yield from self._json_rows(report)
            return
        lines = islice(lines_of(self.text.blocks(report)), self.first, None)
        yield from self._checked(islice(self._raw(lines, self.first), int(self._has_header), None))

    def rows_of(self, lines: Iterable[str], above: int, *, is_end: bool) -> Iterator[tuple[int, tuple[str, ...]]]:
        """The rows of some lines below the names. above: lines of the file above them. is_end: if they are the last."""
        return self._checked(self._raw(lines, above), LAST if is_end else 0)

    def _checked(
        self, found: Iterable[tuple[list[str], int]], last: int = LAST
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Rows with as many cells as the table has columns. last: rows at the end that may be totals."""
        size = len(self.beginning.columns)
        held: deque[tuple[list[str], int]] = deque()
        for cells, number in found:
            if self.shift:
                cells = cells[self.shift :]
            while len(cells) > size and not cells[-1].strip():
                cells.pop()
            if len(cells) < size and self.beginning.delimiter == "\t" and not self.beginning.has_names:
                cells = [*cells, *[""] * (size - len(cells))]
            if len(cells) != size:
                raise RecipeError(f"{self.text.name}, row {number}: {len(cells)} cells, but others have {size}")
            held.append((cells, number))
            if len(held) > last:
                cells, number = held.popleft()
                yield number, tuple(cells)
        for row in without_totals(list(starmap(Row, held)))[0]:
            yield row.number, tuple(row.cells)

    def _raw(self, lines: Iterable[str], number: int) -> Iterator[tuple[list[str], int]]:
        """The cells and the number of each row of some lines that is not blank. number: of lines above them."""
        delimiter = self.beginning.delimiter
        if delimiter == "\t" and not self.is_quoted:
            found: Iterator[list[str]] = (line.rstrip("\n").split("\t") for line in lines)
        else:
            found = csv.reader(lines, delimiter=delimiter or NO_DELIMITER, strict=True)
        while True:
            number += 1
            try:
                cells = next(found, None)
            except csv.Error as error:
                raise RecipeError(f"{self.text.name}, row {number}: {error}") from None
            if cells is None:
                return
            if any(map(str.strip, cells)):
                yield cells, number

    def _json_rows(self, report: Report) -> Iterator[tuple[int, tuple[str, ...]]]:
        lines, above = _json_lines(self.text, report), 0
        while some := list(islice(lines, TOGETHER)):
            columns, rows, numbers = read_json(self.text.name, "".join(some), above)
            places = [columns.index(name) if name in columns else -1 for name in self.beginning.columns]
            for number, row in zip(numbers, rows, strict=True):
                yield number, tuple(row[place] if place >= 0 else "" for place in places)
            above += len(some)


def large_table(path: Path, format: FileFormat, wanted: Collection[str] = ()) -> LargeTable | None:
    """The table in a large file; None for a small one, and for one with few lines. Raises RecipeError for no table."""
    if not is_large(path):
        return None
    text, name = LargeText(path, format.encoding), path.name
    beginning = _beginning(_json_lines(text) if is_json(name) else text.blocks())
    if not beginning:
        return None
    if is_json(name):
        return LargeTable(text, parse_table(name, beginning, wanted=wanted), len(beginning.encode()), 0, False, 0)
    beginning = _whole_rows(name, beginning)
    table = parse_table(name, beginning, header=format.header, wanted=wanted)
    raw = read_rows(name, beginning)
    row = next(row for row in raw.rows if row.number == table.numbers[0])
    shift = int(tuple(row.cells[: len(table.columns)]) != table.rows[0])
    is_quoted = has_quoted_cells("\n".join(beginning.split("\n")[raw.rows[0].number - 1 :]))
    return LargeTable(text, table, len(beginning.encode()), raw.rows[0].number - 1, is_quoted, shift)


def _beginning(parts: Iterable[str]) -> str:
    """The first whole lines of a text; "" for a text with fewer characters than are needed to show what a table is."""
    kept, size = list[str](), 0
    for part in parts:
        kept.append(part)
        size += len(part)
        if size > BEGINNING:
            start = "".join(kept)
            return start[: start.rfind("\n", 0, BEGINNING) + 1]
    return ""


def _json_lines(text: LargeText, report: Report = unheard) -> Iterator[str]:
    """The lines of a file in JSON, or the items of its array."""
    blocks = text.blocks(report)
    first = next(blocks)
    whole = chain((first,), blocks)
    return array_lines(text.name, whole) if is_array(first) else lines_of(whole)


def _whole_rows(name: str, beginning: str) -> str:
    """The beginning without a last row whose quotation mark is not closed in it."""
    try:
        read_rows(name, beginning)
        return beginning
    except RecipeError:
        shorter = beginning[: beginning.rfind("\n", 0, beginning.rfind('"')) + 1]
        return shorter or beginning
