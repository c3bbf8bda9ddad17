"""Read a table of a series from text as the training read its own: sorted by time, one series, gaps filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqshell.core.errors import UsageError
from seqshell.core.gaps import SHORT, GapFault, fill_gaps
from seqshell.core.model import Series
from seqshell.core.number_text import Row, TextTable, read_table, table_values
from seqshell.core.row_times import RowTimes, listed_times, read_times
from seqshell.core.tables.names import made_up
from seqshell.core.tables.numbers import CellFault
from seqshell.core.tables.series_rows import (
    CellTimes,
    EqualTimes,
    SeriesRows,
    TableRows,
    read_row_times,
    rows_by_series,
)
from seqshell.core.tables.time_parts import find_time_columns, split_names
from seqshell.core.text_output import quoted

SHOWN_NAMES = 6  # series in a message
MOST_MADE_UP = 1000  # names of columns
TIME = "time"  # the name of times in several columns


@dataclass(frozen=True)
class SeriesTable:
    """What was read: rows, oldest first, and their times if they have equal steps.

    name: of the series, where a table has several. scale: the mean and std of each column [2F] by which rows of this
    series are normalised; () for the model's. notes: what was done to the table, for people.
    """

    rows: tuple[Row, ...]
    times: RowTimes | None
    name: str = ""
    scale: Row = ()
    notes: tuple[str, ...] = ()


def read_series_table(text: str, series: Series, wanted: str = "") -> SeriesTable | None:
    """Read the columns of a series from a table in a text; None if the text is none.

    wanted: the series to read, where a table has several; "" for the last. Raises UsageError and VocabularyError with
    line and column.
    """
    table = read_table(text, set(series.columns) <= set(made_up(MOST_MADE_UP)))
    if table is None:
        if wanted:
            raise UsageError("only a table with a column of series names has several series")
        return None
    names = {name: table.column(name) for name in table.names}
    key = split_names(series.series_column, table.names)
    key = key if set(key) <= set(names) else ()
    found, time_name, notes = _rows(table, names, series, key)
    chosen, notes = _chosen(found, key, wanted, notes)
    num_rows = len(table.rows) - len(found.footer)
    values = table_values(table, series.columns, num_rows)[list(chosen.rows)]
    try:
        filled = fill_gaps(values, series.fill)
    except GapFault as fault:
        rule = "a series cannot have gaps"
        rule += f" of more than {SHORT} rows, and this one has {fault.length:,}" if series.fill == "short" else ""
        raise table.gap(chosen.rows[fault.row], series.columns[fault.column], rule) from None
    rows = tuple(tuple(row) for row in filled.values.tolist())
    if not rows:
        raise UsageError("no row of the table has all its values")
    cells = chosen.times[filled.kept.start : filled.kept.stop]
    times = read_times(time_name, cells) or listed_times(time_name, cells)
    scale = scale_of(series, chosen.name, rows) if series.scales else ()
    return SeriesTable(rows, times, chosen.name, scale, (*table.notes, *notes, *filter(None, [filled.note])))


def series_names(text: str, series: Series) -> tuple[str, ...]:
    """The names of the series of a table in a text, as `read_series_table` takes them; none if it has one series."""
    table = read_table(text, set(series.columns) <= set(made_up(MOST_MADE_UP)))
    if table is None:
        return ()
    key = split_names(series.series_column, table.names)
    if not key or not set(key) <= set(table.names):
        return ()
    found, _, _ = _rows(table, {name: table.column(name) for name in table.names}, series, key)
    return tuple(one.name for one in found.series)


def scale_of(series: Series, name: str, rows: Sequence[Row] = ()) -> Row:
    """The mean and std of each column [2F] of one of several series: those of the training, else those of its rows."""
    known = next((scale for scale in series.scales if scale.name == name), None)
    if known is not None:
        return (*known.mean, *known.std)
    values = np.array(rows, np.float64)
    std = values.std(0)
    return (*values.mean(0).tolist(), *np.where(std > 0, std, 1.0).tolist())


def name_of(series: Series, scale: Row) -> str:
    """The series that has a scale; "" if none of the training has it."""
    return next((one.name for one in series.scales if (*one.mean, *one.std) == scale), "")


def _rows(
    table: TextTable, cells: Mapping[str, Sequence[str]], series: Series, key: Sequence[str]
) -> tuple[TableRows, str, list[str]]:
    """The rows by series, the name of their times, and notes."""
    size, others = len(table.rows), {name: column for name, column in cells.items() if name not in series.columns}
    time = split_names(series.time_column, table.names)
    try:
        if not time or not set(time) <= set(cells):
            time = find_time_columns({name: cells[name] for name in others if name not in key}, series.day_first)
        found = rows_by_series(read_row_times(cells, time, series.day_first), size, [cells[name] for name in key])
    except EqualTimes as fault:
        earlier, later = table.lines[fault.earlier], table.lines[fault.index]
        lines = f"lines {earlier} and {later} have the same time, {quoted(fault.text)}"
        out = "keep the rows of one series" if not key else "remove one of the rows"
        raise UsageError(f"{lines}; {out}") from None
    except CellFault as fault:
        note = f"no times are read: line {table.lines[fault.index]}: {fault.message.partition(';')[0]}"
        return rows_by_series(CellTimes(), size, [cells[name] for name in key]), "", [note]
    notes = [found.sorting] if found.sorting else []
    if found.footer:
        notes.append(f"line {table.lines[found.footer[0]]} and those below are left out: without a time")
    return found, time[0] if len(time) == 1 else TIME, notes


def _chosen(found: TableRows, key: Sequence[str], wanted: str, notes: list[str]) -> tuple[SeriesRows, list[str]]:
    """The series to read: the wanted one, else the last, with a note. Raises UsageError if there is no such series."""
    if not key:
        if wanted:
            raise UsageError(f"the table has no column that tells series apart, so no series {quoted(wanted)}")
        return found.series[0], notes
    names = [one.name for one in found.series]
    shown = ", ".join(names[:SHOWN_NAMES]) + (", ..." if len(names) > SHOWN_NAMES else "")
    if wanted:
        if wanted not in names:
            raise UsageError(f"the table has no series {quoted(wanted)}; it has {shown}")
        return found.series[names.index(wanted)], notes
    if len(names) == 1:
        return found.series[0], notes
    note = (
        f"reading {names[-1]}, the last of {len(names):,} series ({shown}); /forecast --series NAME @FILE reads another"
    )
    return found.series[-1], [note, *notes]
