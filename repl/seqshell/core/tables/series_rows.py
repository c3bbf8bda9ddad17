"""The rows of a table of series: one series, or several told apart by their key, each sorted by time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seqshell.core.tables.numbers import CellFault
from seqshell.core.tables.time_columns import ColumnTimes, long_steps, read_time_column, to_continue
from seqshell.core.tables.time_parts import join_cells
from seqshell.core.text_output import counted

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
        super().__init__(index, f"{text!r} is also the time of an earlier row")
        self.earlier = earlier
        self.text = text


def rows_by_series(
    table: Mapping[str, Sequence[str]],
    num_rows: int,
    time_columns: Sequence[str] = (),
    key_columns: Sequence[str] = (),
    day_first: bool | None = None,
) -> TableRows:
    """Group the rows by the cells of their key columns, and sort each group by time.

    table: the cells of each column. Rows without a time below all others are left out. Raises CellFault for other
    rows without a time, and for dates whose order of day and month nothing tells; EqualTimes for two rows of one
    series with one time.
    """
    times: ColumnTimes | None = None
    texts: tuple[str, ...] = ()
    if time_columns:
        cells = join_cells(time_columns, [table[name] for name in time_columns])
        times = read_time_column(cells, day_first)
        if times is not None and len(times.unread) * 2 > num_rows:
            times = None
        texts = tuple(cells)
    footer = _footer(times, texts, num_rows) if times is not None else ()
    groups: dict[str, list[int]] = {}
    for index in range(num_rows - len(footer)):
        groups.setdefault(KEY_SEPARATOR.join(table[name][index].strip() for name in key_columns), []).append(index)
    if times is None:
        plain = (
            SeriesRows(name, tuple(rows), tuple(texts[row] for row in rows) if texts else ())
            for name, rows in groups.items()
        )
        return TableRows(tuple(plain))
    return _sorted(groups, times, texts, time_columns, footer)


def _sorted(
    groups: Mapping[str, list[int]],
    times: ColumnTimes,
    texts: Sequence[str],
    time_columns: Sequence[str],
    footer: tuple[int, ...],
) -> TableRows:
    """The groups of rows, each sorted by time. Raises EqualTimes."""
    keys, name = times.keys, ",".join(time_columns)
    found, missing, directions = [], [], set()
    for group, rows in groups.items():
        directions |= {(keys[after] > keys[before]) - (keys[after] < keys[before]) for before, after in pairwise(rows)}
        rows = sorted(rows, key=keys.__getitem__)
        for before, after in pairwise(rows):
            if keys[before] == keys[after]:
                raise EqualTimes(after, before, texts[after])
        missing += [rows[index] for index in long_steps([keys[row] for row in rows])]
        chosen = ColumnTimes((), tuple(times.texts[row] for row in rows), times.unit, times.day_first)
        found.append(SeriesRows(group, tuple(rows), to_continue(name, [texts[row] for row in rows], chosen)))
    return TableRows(tuple(found), times, footer, directions == {-1}, directions <= {1}, tuple(missing))


def _footer(times: ColumnTimes, texts: Sequence[str], num_rows: int) -> tuple[int, ...]:
    """The last rows, if they have no time. Raises CellFault for a row without a time above others."""
    unread = times.unread
    first = next((index for index in range(num_rows, 0, -1) if not math.isnan(times.keys[index - 1])), 0)
    inside = next((index for index in unread if index < first), None)
    if inside is None and num_rows - first > MOST_FOOTERS:
        inside = first
    if inside is not None:
        cell = texts[inside]
        fault = f"{cell[:40]!r} is not a time like {texts[_other(times)]!r}" if cell else "the time is missing"
        number = len(unread)
        rows = f" ({counted(number, 'row')} without a time in all)" if number > 1 else ""
        raise CellFault(inside, f"{fault}{rows}; correct or remove the row")
    return tuple(range(first, num_rows))


def _other(times: ColumnTimes) -> int:
    """The index of a cell that is a time."""
    return next(index for index, key in enumerate(times.keys) if not math.isnan(key))
