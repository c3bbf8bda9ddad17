"""The columns of a table of series: which are the time, which the key of several series, and which are forecast."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from seqshell.core.errors import RecipeError
from seqshell.core.tables.numbers import CellFault, are_numbers, is_gap, is_number
from seqshell.core.tables.series_rows import (
    CellTimes,
    EqualTimes,
    TableRows,
    read_row_times,
    rows_by_series,
    tells_apart,
)
from seqshell.core.tables.table_file import TableFile
from seqshell.core.tables.time_columns import ColumnTimes, read_sample, step_name
from seqshell.core.tables.time_parts import SEPARATOR, find_time_columns, is_time_name, part_of, split_names
from seqshell.core.text_output import counted, quoted
from seqshell.training.recipes.settings import DataSettings

ROWS_PER_SERIES = 4  # on average at least, so that a column can be the key of several series
NUMBERED = ("id", "index", "no", "nr", "number", "row", "rownames", "obs")  # names of columns that number rows
MOST_NAMES = 6  # of columns in a message
SHOWN = 40  # characters of a cell in a message


@dataclass(frozen=True)
class SeriesColumns:
    """What the columns of a table are, and its rows by series.

    time, key: columns that are the time, and the key, together. left_out: the other columns, with the reasons.
    """

    time: tuple[str, ...]
    key: tuple[str, ...]
    values: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    rows: TableRows

    @property
    def time_column(self) -> str:
        """As `data.time_column` names it."""
        return SEPARATOR.join(self.time)

    @property
    def series_column(self) -> str:
        """As `data.series_column` names it."""
        return SEPARATOR.join(self.key)

    @property
    def understood(self) -> str:
        """One line for people: the series, their columns and their times."""
        series, times = self.rows.series, self.rows.times
        many = f"{len(series):,} series, told apart by {_named('column', self.key)}; " if self.key else ""
        values = f"{many}values in {_named('column', self.values)}"
        if not self.time:
            return f"{values}; no time column: the rows are taken in their order (--set data.time_column=NAME names it)"
        if times is None:
            return (
                f"{values}; {_named('column', self.time)} has no times that can be read: rows are taken in their order"
            )
        ends = sorted((times.keys[row], times.texts[row]) for part in series for row in (part.rows[0], part.rows[-1]))
        step = f", {step}" if (step := step_name(times)) else ""
        order = (
            "" if times.day_first is None else f", read as {'day, month' if times.day_first else 'month, day'}, year"
        )
        where = f"{_named('column', self.time)}, {ends[0][1]} to {ends[-1][1]}{step}{order}"
        return f"{values}; times in {where} (--set data.time_column=NAME to change)"


def find_series_columns(table: TableFile, settings: DataSettings, columns_key: str = "data.columns") -> SeriesColumns:
    """What the columns of a table are: as the settings say, else inferred from their cells and names.

    columns_key: the recipe key or option that selects columns, for messages. `values` is empty if no column has
    numbers. Raises RecipeError, with row and column, for columns that are missing, dates that can be read in two ways,
    rows without a time, and rows of one series with one time.
    """
    cells = {name: [row[place] for row in table.rows] for place, name in enumerate(table.columns)}
    time = split_names(settings.time_column, table.columns)
    key = split_names(settings.series_column, table.columns)
    for names, setting in ((time, "data.time_column"), (key, "data.series_column"), (settings.columns, columns_key)):
        for name in names:
            table.place(name, setting)
    for name in settings.columns:
        if name in (*time, *key):
            what = "the time column" if name in time else "the key of the series"
            raise RecipeError(f"{table.name}: {quoted(name)} is {what} and cannot be forecast")
    day_first = settings.day_first if isinstance(settings.day_first, bool) else None
    others = {name: column for name, column in cells.items() if name not in (*settings.columns, *key)}
    size = len(table.rows)
    try:
        time = time or find_time_columns(others, day_first)
        read = read_row_times(cells, time, day_first)
    except CellFault as fault:
        raise RecipeError(f"{table.where(fault.index, (time or table.columns)[0])}: {fault.message}") from None
    try:
        if not key and read.times is not None and not tells_apart(read, []):
            key = next((names for names in _keys(others, time, size) if _fits(read, cells, names)), ())
        rows = rows_by_series(read, size, [cells[name] for name in key])
    except EqualTimes as fault:
        raise _equal_times(table, time, key, fault) from None
    if not key and not rows.was_sorted and not rows.is_descending:
        key, rows = _blocks(cells, others, read, rows, time)
    kept = [index for part in rows.series for index in part.rows]
    candidates = {name: [column[row] for row in kept] for name, column in cells.items() if name not in (*time, *key)}
    reasons = {} if settings.columns else dict(_left_out(candidates, rows, kept))
    values = settings.columns or tuple(name for name in candidates if name not in reasons)
    if not settings.columns and not time and _are_times(values):
        raise RecipeError(
            f"{table.name}, row 1: the columns {values[0]}, {values[1]}, ... are times, so each row is a series; "
            "transpose the table: a row for each time, a column for each series"
        )
    return SeriesColumns(time, key, values, tuple(reasons.items()), rows)


def _named(thing: str, names: Sequence[str]) -> str:
    """column a; columns a, b and c; 20 columns (a, b, ...)."""
    if len(names) > MOST_NAMES:
        return f"{len(names)} {thing}s ({', '.join(names[:2])}, ...)"
    *first, last = names or ("",)
    return f"{thing}s {', '.join(first)} and {last}" if first else f"{thing} {last or '(unnamed)'}"


def _keys(others: Mapping[str, Sequence[str]], time: Sequence[str], num_rows: int) -> Iterator[tuple[str, ...]]:
    """Columns that may identify several series: single ones before pairs, words before whole numbers."""
    distinct = {name: set(column) for name, column in others.items() if name not in time}
    few = {
        name: values
        for name, values in distinct.items()
        if 2 <= len(values) <= num_rows // ROWS_PER_SERIES and not any(map(is_gap, values))
    }
    words = [name for name, values in few.items() if not all(map(is_number, values))]
    whole = [
        name for name, values in few.items() if name not in words and all(cell.strip().isdecimal() for cell in values)
    ]
    yield from ((name,) for name in (*words, *whole))
    yield from itertools.combinations((*words, *whole), 2)


def _fits(read: CellTimes, cells: Mapping[str, Sequence[str]], names: Sequence[str]) -> bool:
    """True if all times of each series differ, where these columns are the key."""
    return tells_apart(read, [cells[name] for name in names])


def _blocks(
    cells: Mapping[str, Sequence[str]],
    others: Mapping[str, Sequence[str]],
    read: CellTimes,
    rows: TableRows,
    time: Sequence[str],
) -> tuple[tuple[str, ...], TableRows]:
    """A key of words under which rows in no order of time are in order; else none, and `rows`."""
    for key in _keys(others, time, len(read.texts)):
        if len(key) == 1 and not all(map(is_number, set(cells[key[0]]))):
            split = rows_by_series(read, len(read.texts), [cells[key[0]]])
            if split.was_sorted or split.is_descending:
                return key, split
    return (), rows


def _equal_times(table: TableFile, time: Sequence[str], key: Sequence[str], fault: EqualTimes) -> RecipeError:
    rows = (
        f"rows {table.numbers[fault.earlier]} and {table.numbers[fault.index]} have the same time, {quoted(fault.text)}"
    )
    series = f" and the same {_named('column', key)}" if key else ""
    out = (
        "if the table has several series, --set data.series_column=NAME names the column that tells them apart; "
        "else remove one of the rows"
    )
    return RecipeError(f"{table.name}, {_named('column', time)}: {rows}{series}; {out}")


def _left_out(table: Mapping[str, Sequence[str]], rows: TableRows, kept: Sequence[int]) -> Iterator[tuple[str, str]]:
    """The columns that are no values, with the reasons. table: their cells in the order of `kept`."""
    numbers: list[str] = []
    for name, column in table.items():
        given = [cell.strip() for cell in column if not is_gap(cell)]
        if not given:
            yield name, "has no values"
        elif (times := read_sample(given[:MOST_NAMES])) is not None and times.is_dates and not is_number(given[0]):
            yield name, "is a time, too"
        elif not are_numbers(column) and sum(map(is_number, given)) * 2 <= len(given):
            word = next(cell for cell in given if not is_number(cell))
            yield name, f"{word[:SHOWN]!r} is not a number"
        else:
            numbers.append(name)
    for name in numbers:
        column = table[name]
        if len(numbers) > 1 and (_counts(column) or (_is_numbered(name) and len(set(column)) == len(column))):
            yield name, "numbers the rows"
        elif len(numbers) > 1 and rows.times is not None and _repeats(name, column, rows.times, kept):
            yield name, "repeats a part of the time"


def _are_times(names: Sequence[str]) -> bool:
    """True if columns of values are named after times in order, such as 1960, 1961, 1962."""
    times = read_sample(names) if len(names) > 2 else None
    return times is not None and times.unit != "number" and not times.unread and sorted(times.keys) == list(times.keys)


def _is_numbered(name: str) -> bool:
    """True if a column numbers the rows by its name; pandas writes an index without one."""
    plain = name.strip().lower()
    return plain in ("", *NUMBERED) or plain.startswith("unnamed:") or plain.endswith(("_id", " id"))


def _counts(column: Sequence[str]) -> bool:
    """True for whole numbers that go up, or down, by one from row to row."""
    if len(column) < 3 or not all(cell.strip().isdecimal() for cell in column):
        return False
    numbers = [int(cell) for cell in column]
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    return steps in ({1}, {-1})


def _repeats(name: str, column: Sequence[str], times: ColumnTimes, kept: Sequence[int]) -> bool:
    """True if a column such as "month" has just that part of each row's time."""
    part = part_of(name)
    if part not in ("year", "quarter", "month", "day", "hour") or not times.is_dates or not is_time_name(name):
        return False
    starts = [datetime(1970, 1, 1) + timedelta(seconds=times.keys[row]) for row in kept]
    parts = [(start.month + 2) // 3 if part == "quarter" else getattr(start, part) for start in starts]
    return all(cell.strip().removesuffix(".0") == str(number) for cell, number in zip(column, parts, strict=True))


def describe_left_out(left_out: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each reason to leave out columns, with the setting that selects columns."""
    select = "--set data.columns=NAME,... selects columns"
    lines = [
        f"{_named('column', [name])} is left out: {reason if reason[0] == chr(39) else f'it {reason}'}"
        for name, reason in left_out[:MOST_NAMES]
    ]
    if len(left_out) > MOST_NAMES:
        lines.append(f"{counted(len(left_out) - MOST_NAMES, 'more column')} left out for such reasons")
    return [*lines[:-1], f"{lines[-1]} ({select})"] if lines else []
