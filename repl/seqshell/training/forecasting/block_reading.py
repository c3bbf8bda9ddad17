"""A large table of series in blocks: most are read at once in threads, the others row by row."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tables.encoding import find_encoding
from seqshell.core.tables.json_rows import is_json
from seqshell.core.tables.table_file import TableFile
from seqshell.training.data.large_table import LAST, LargeTable
from seqshell.training.data.large_text import Report, lines_of
from seqshell.training.data.line_blocks import ReadBlocks, line_blocks
from seqshell.training.data.worker_processes import num_workers
from seqshell.training.forecasting.blocks import Block, SeriesTable, read_block
from seqshell.training.forecasting.plain_blocks import PlainReader

TOGETHER = 50_000  # rows that are read as one table

Numbered = tuple[Block, NDArray[np.int64]]  # and the numbers of the rows in the file


def read_blocks(series: SeriesTable, report: Report) -> Iterator[Numbered]:
    """The blocks of a table, in their order. Raises RecipeError as `read_block` does."""
    table = series.table
    if not has_plain_lines(table):
        yield from _row_by_row(series, table.rows(report))
        return
    above = table.beginning.numbers[0] - 1
    blocks = line_blocks(table.text, above, LAST, report)
    with ReadBlocks(blocks, PlainReader(series), max(1, num_workers(table.text.size))) as found:
        for lines, block in found:
            if block is not None:
                yield block, above + 1 + np.arange(len(block))
                above += len(block)
            elif b'"' in lines and has_quotes(table):
                lines_left = _texts(chain((lines,), found.left()))
                yield from _row_by_row(series, table.rows_of(lines_left, above, is_end=True))
                return
            else:
                yield from _row_by_row(series, table.rows_of(_texts((lines,)), above, is_end=False), is_end=False)
                above += lines.count(b"\n")
        yield from _row_by_row(series, table.rows_of(_texts(found.left()), above, is_end=True))


def has_quotes(table: LargeTable) -> bool:
    """Whether quotation marks in the table are around cells."""
    return table.beginning.delimiter != "\t" or table.is_quoted


def has_plain_lines(table: LargeTable) -> bool:
    """Whether each line of a table is a row: it is in UTF-8, and its names have no quotation marks."""
    if is_json(table.text.path.name):
        return False
    first = next(table.text.contents())
    encoding = find_encoding(first, table.text.name, table.text.encoding)
    if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig", "ascii"):
        return False
    above = first.split(b"\n", table.beginning.numbers[0])
    return len(above) > table.beginning.numbers[0] and not any(line.count(b'"') % 2 for line in above[:-1])


def _row_by_row(
    series: SeriesTable, rows: Iterable[tuple[int, tuple[str, ...]]], *, is_end: bool = True
) -> Iterator[Numbered]:
    """Blocks of some rows. is_end: whether the last row of the table is among them."""
    rows = iter(rows)
    while some := list(islice(rows, TOGETHER)):
        numbers, cells = zip(*some, strict=True)
        table: TableFile = replace(series.table.beginning, rows=cells, numbers=numbers)
        yield read_block(table, series, is_end=is_end and len(some) < TOGETHER), np.array(numbers, np.int64)


def _texts(blocks: Iterable[bytes]) -> Iterator[str]:
    """The lines of blocks of whole lines, each with its LF."""
    return lines_of(block.decode().replace("\r\n", "\n") for block in blocks)
