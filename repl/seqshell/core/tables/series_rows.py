"""The rows of a table of series: one series, or several told apart by their key, each sorted by time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from seqshell.core.tables.numbers import CellFault
from seqshell.core.tables.time_columns import ColumnTimes, long_steps, read_time_column, to_continue
from seqshell.core.tables.time_parts import join_cells
from seqshell.core.text_output import counted, quoted

MOST_FOOTERS = 5  # rows below the series that have no time, such as a line of totals
KEY_SEPARATOR = ", "  # between the cells of several key columns


@dataclass(frozen=True)
class SeriesRows:
    """One series of a table: its key, or ""; the indices of its rows, oldest first; their times, or none."""

    name: str
    rows: tuple[int, ...]
    times: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableRows:
    """The rows of a table by series, in the order in which the table names them.

    times: of all rows; None if there is no time column or its cells are no times. footer: the indices of rows below
    the series, which have no time. descending: whether the rows were newest first. was_sorted: whether the rows of
    each series were in order of time. missing: the indices of rows with missing times before them.
    """

    series: tuple[SeriesRows, ...]
    times: ColumnTimes | None = None
    footer: tuple[int, ...] = ()
    is_descending: bool = False
    was_sorted: bool = True
    missing: tuple[int, ...] = ()

    @property
    def sorting(self) -> str:
        """What was done about the order of the rows, in words; "" for nothing."""
        if self.is_descending:
            return "rows were newest first; they are sorted by time"
        return "" if self.was_sorted else "rows were not in order of time; they are sorted"


class EqualTimes(CellFault):
    """Two rows of one series have the same time. text: the time."""

    def __init__(self, index: int, earlier: int, text: str) -> None:
        super().__init__(index, f"{quoted(text)} is also the time of an earlier row")
        self.earlier = earlier
        self.text = text


@dataclass(frozen=True)
class CellTimes:
    """The times of the rows of a table, read once. texts: as in the table. footer: rows at the end without a time."""

    name: str = ""
    texts: tuple[str, ...] = ()
    times: ColumnTimes | None = None
    footer: tuple[int, ...] = ()


def read_row_times(
    table: Mapping[str, Sequence[str]], time_columns: Sequence[str], day_first: bool | None = None
) -> CellTimes:
    """Read the times of all rows.

    table: the cells of each column. Raises CellFault for rows without a time above others, and for dates whose order
    of day and month nothing tells.
    """
    if not time_columns:
        return CellTimes()
    cells = tuple(join_cells(time_columns, [table[name] for name in time_columns]))
    times = read_time_column(cells, day_first)
    name = ",".join(time_columns)
    if times is None or len(times.unread) * 2 > len(cells):
        return CellTimes(name, cells)
    return CellTimes(name, cells, times, _footer(times, cells, len(cells)))


def rows_by_series(read: CellTimes, num_rows: int, keys: Sequence[Sequence[str]] = ()) -> TableRows:
    """Group the rows by the cells of their key columns, and sort each group by time. Rows of the footer are left out.

    keys: the cells of each key column. Raises EqualTimes for two rows of one series with one time.
    """
    times, texts = read.times, read.texts
    names = [KEY_SEPARATOR.join(map(str.strip, row)) for row in zip(*keys, strict=True)] if keys else [""] * num_rows
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names[: num_rows - len(read.footer)]):
        groups.setdefault(name, []).append(index)
    if times is None:
        return TableRows(
            tuple(
                SeriesRows(name, tuple(rows), tuple(texts[row] for row in rows) if texts else ())
                for name, rows in groups.items()
            )
        )
    found: list[SeriesRows] = []
    missing: list[int] = []
    directions: set[int] = set()
    for name, rows in groups.items():
        steps = [times.keys[after] - times.keys[before] for before, after in pairwise(rows)]
        if not (is_sorted := all(step > 0 for step in steps)):
            rows = sorted(rows, key=times.keys.__getitem__)
            for before, after in pairwise(rows):
                if times.keys[before] == times.keys[after]:
                    raise EqualTimes(after, before, texts[after])
        directions |= {1} if is_sorted else {-1} if all(step < 0 for step in steps) else {1, -1}
        missing += [rows[index] for index in long_steps([times.keys[row] for row in rows])]
        chosen = ColumnTimes((), tuple(times.texts[row] for row in rows), times.unit, times.day_first)
        found.append(SeriesRows(name, tuple(rows), to_continue(read.name, [texts[row] for row in rows], chosen)))
    return TableRows(tuple(found), times, read.footer, directions == {-1}, directions <= {1}, tuple(missing))


def tells_apart(read: CellTimes, keys: Sequence[Sequence[str]]) -> bool:
    """True if no two rows with the same cells in the key columns have the same time."""
    assert read.times is not None  # rows without times are not told apart by them
    size = len(read.times.keys) - len(read.footer)
    rows = islice(zip(read.times.keys, *keys, strict=True) if keys else read.times.keys, size)
    return len(set(rows)) == size


def _footer(times: ColumnTimes, texts: Sequence[str], num_rows: int) -> tuple[int, ...]:
    """The last rows, if they have no time. Raises CellFault for a row without a time above others."""
    unread = times.unread
    first = next((index for index in range(num_rows, 0, -1) if not math.isnan(times.keys[index - 1])), 0)
    inside = next((index for index in unread if index < first), None)
    if inside is None and num_rows - first > MOST_FOOTERS:
        inside = first
    if inside is not None:
        cell = texts[inside]
        fault = f"{cell[:40]!r} is not a time like {quoted(texts[_other(times)])}" if cell else "the time is missing"
        number = len(unread)
        rows = f" ({counted(number, 'row')} without a time in all)" if number > 1 else ""
        raise CellFault(inside, f"{fault}{rows}; correct or remove the row")
    return tuple(range(first, num_rows))


def _other(times: ColumnTimes) -> int:
    """The index of a cell that is a time."""
    return next(index for index, key in enumerate(times.keys) if not math.isnan(key))
