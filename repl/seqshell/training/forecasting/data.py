"""Number series: read the columns of a table, split the rows of each series by time, and normalise values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.gaps import GapFault, Gaps
from seqshell.core.tables.numbers import CellFault, NumberColumn, read_numbers
from seqshell.core.tables.table_file import TableFile, way_out
from seqshell.core.tables.time_parts import split_names
from seqshell.core.threads import available_cores
from seqshell.training.data.array_store import forget
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.tables import read_table
from seqshell.training.forecasting.columns import SeriesColumns, describe_left_out, find_series_columns
from seqshell.training.recipes.settings import DataSettings

MOST_NOTES = 3  # about the gaps of series
TOGETHER = 1 << 16  # rows that are normalised together
FORGOTTEN = 16  # times as many rows are read before they are left to the system
MANY = 1 << 24  # values of which one column at a time is copied
MAX_VALUE = 1e30  # of a value, so that sums of squares still fit into 64 bits

MOST_THREADS = 2  # that normalise, each with a copy of a column

Numbers = NDArray[np.float64]
Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass(frozen=True)
class SeriesPart:
    """One series of a table, oldest first: its key, or ""; its values [N, F]; its times [N], or none."""

    name: str
    values: Numbers
    times: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class SeriesData:
    """A table of numbers: one series, or several with the same columns. sha256: of its file.

    time_column, series_column: as the settings of these names; "" for none. day_first: how day and month were read
    where both are numbers, else None. understood: for people, what was understood of the table, and what was done to
    it. is_stored: whether the values are in a file.
    """

    name: str
    sha256: str
    columns: tuple[str, ...]
    parts: tuple[SeriesPart, ...]
    time_column: str = ""
    series_column: str = ""
    day_first: bool | None = None
    understood: tuple[str, ...] = ()
    is_stored: bool = False

    def __len__(self) -> int:
        """The rows of all series."""
        return sum(map(len, self.parts))

    def without(self, names: Sequence[str], reason: str) -> SeriesData:
        """The table without some of its series, which are noted with the reason."""
        if not names:
            return self
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        note = f"{len(names):,} of {len(self.parts):,} series left out ({shown}): {reason}"
        parts = tuple(part for part in self.parts if part.name not in names)
        return replace(self, parts=parts, understood=(*self.understood, note))


@dataclass(frozen=True)
class RowSplit:
    """The rows of each part, in order of time; test may be empty."""

    training: range
    validation: range
    test: range

    @property
    def sizes(self) -> dict[str, int]:
        """The number of rows of each part, in order of time."""
        parts = {"training": self.training, "validation": self.validation, "test": self.test}
        return {name: len(rows) for name, rows in parts.items()}

    @property
    def held_out(self) -> range:
        """The rows to evaluate a finished model on: the test rows, or the validation rows if there are none."""
        return self.test or self.validation

    def shortened(self, most: int) -> RowSplit:
        """The same training rows, and at most so many first rows of the other parts."""
        return RowSplit(self.training, self.validation[:most], self.test[:most])


@dataclass(frozen=True)
class Scale:
    """Normalise a value x of column f as (x - mean[f]) / std[f]. mean, std: [F]."""

    mean: Numbers
    std: Numbers

    def normalised(self, values: Numbers) -> NDArray[np.float32]:
        """values: [..., F]."""
        found = np.empty(values.shape, np.float32)

        def normalise(start: int) -> None:
            for first in range(start, min(start + FORGOTTEN * TOGETHER, len(values)), TOGETHER):
                rows = slice(first, first + TOGETHER)
                found[rows] = (values[rows] - self.mean) / self.std
            forget(values)

        _in_threads(normalise, range(0, len(values), FORGOTTEN * TOGETHER))
        return found

    def restored(self, values: NDArray[Any]) -> Numbers:
        """values: [..., F], normalised."""
        return np.asarray(values, np.float64) * self.std + self.mean


def scale_of(values: Numbers) -> Scale:
    """The scale of training rows [N, F]; the std of a constant column is 1."""
    columns = [slice(None)] if values.size < MANY else [slice(place, place + 1) for place in range(values.shape[1])]

    def measured(column: slice) -> tuple[Numbers, Numbers]:
        some = np.empty((len(values), len(range(values.shape[1])[column])))
        for start in range(0, len(values), TOGETHER):
            if start % (FORGOTTEN * TOGETHER) == 0:
                forget(values)
            some[start : start + TOGETHER] = values[start : start + TOGETHER, column]
        return some.mean(0), some.std(0)

    means, stds = zip(*_in_threads(measured, columns), strict=True)
    mean, std = np.concatenate(means), np.concatenate(stds)
    return Scale(mean, np.where(std > 0, std, 1.0))


def _in_threads(work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """work(item) for all items, in threads if there are several: numpy lets go of Python's lock."""
    if len(items) == 1:
        return [work(items[0])]
    with ThreadPoolExecutor(min(MOST_THREADS, available_cores())) as pool:
        return list(pool.map(work, items))


def read_series(data: DataSettings, folder: Path = Path()) -> SeriesData:
    """Read the table of a recipe, with the errors of `series_of`. folder: where relative paths start."""
    wanted = (*split_names(data.time_column, ()), *split_names(data.series_column, ()), *data.columns)
    table = read_table(data.table, folder, data.origin, FileFormat.of(data), wanted)
    return series_of(table, data)


def series_of(table: TableFile, data: DataSettings, columns_key: str = "data.columns") -> SeriesData:
    """The series of a table: the columns that the settings name, or those that are numbers, sorted by time.

    columns_key: the recipe key or option that selects columns, for messages.
    Raises RecipeError, with row and column, for a cell that is not a number, gaps that `data.fill` does not fill, and
    for all that `find_series_columns` refuses.
    """
    found = find_series_columns(table, data, columns_key)
    if not found.values:
        reasons = "; ".join(f"{name!r} {reason}" for name, reason in found.left_out[:3])
        raise RecipeError(f"{table.name}, row 1: no column of numbers besides the time{reasons and f' ({reasons})'}")
    footer = len(found.rows.footer)
    columns = {name: numbers_of_column(table, name, footer, data.decimal, columns_key) for name in found.values}
    values = np.array([column.values for column in columns.values()], np.float64).T
    marks = [f"column {name}: {note}" for name, column in columns.items() for note in column.notes]
    parts, gaps = _parts(table, found, values, data.fill)
    times = found.rows.times
    return SeriesData(
        table.name,
        table.digest,
        found.values,
        parts,
        found.time_column,
        found.series_column,
        times.day_first if times else None,
        (found.understood, *table.notes, *describe_left_out(found.left_out), *marks, *_notes(table, found), *gaps),
    )


def split_rows(data: DataSettings, name: str, num_rows: int, horizon: int) -> RowSplit:
    """Split a table of num_rows rows. Raises RecipeError if a part is too short for forecasts of `horizon` steps."""
    if data.ends:
        ends = list(data.ends)
        if (
            any(isinstance(end, bool) or not isinstance(end, int) for end in ends)
            or len(ends) not in (2, 3)
            or sorted({0, *ends}) != [0, *ends]
        ):
            meaning = "the ends of training, validation and test"
            raise RecipeError(f"data.ends must be two or three increasing row numbers, {meaning}, not {ends}")
        if ends[-1] > num_rows:
            raise RecipeError(f"{name} has {num_rows:,} rows, but data.ends needs {ends[-1]:,}")
    else:
        if not isinstance(data.validation, float | int) or data.validation + data.test >= 1:
            shares = f"{data.validation!r} and {data.test!r}"
            raise RecipeError(f"data.validation and data.test must be shares of {name} below 1 in total, not {shares}")
        kept = round(num_rows * data.test)
        ends = [num_rows - kept - max(1, round(num_rows * data.validation)), num_rows - kept, num_rows]
    training, validation, *test = ends
    split = RowSplit(range(training), range(training, validation), range(validation, test[0] if test else validation))
    least = {"training": (split.training, horizon + 2), "validation": (split.validation, horizon)}
    if split.test:
        least["testing"] = (split.test, horizon)
    for what, (rows, size) in least.items():
        if len(rows) < size:
            raise RecipeError(f"{name} is too short: {len(rows)} rows for {what}; a horizon of {horizon} needs {size}")
    return split


def numbers_of_column(
    table: TableFile, name: str, footer: int, decimal: str, columns_key: str = "data.columns"
) -> NumberColumn:
    """The values of a column above a footer of so many rows. Raises RecipeError for other cells."""
    place = table.place(name, columns_key)
    cells = [row[place] for row in table.rows[: len(table.rows) - footer]]
    try:
        column = read_numbers(cells, decimal=decimal, delimiter=table.delimiter, key="data.decimal")
    except CellFault as fault:
        where = table.where(fault.index, name)
        advice = "" if "--set" in fault.message else f"; select columns of numbers with {way_out(columns_key)}"
        raise RecipeError(f"{where}: {fault.message}{advice}") from None
    if all(map(MAX_VALUE.__ge__, map(abs, column.values))):
        return column
    for index, value in enumerate(column.values):  # NaN is not greater
        if abs(value) > MAX_VALUE:
            raise RecipeError(f"{table.where(index, name)}: {value:g} is too large; the limit is {MAX_VALUE:g}")
    return column


def _parts(
    table: TableFile, found: SeriesColumns, values: Numbers, rule: str
) -> tuple[tuple[SeriesPart, ...], tuple[str, ...]]:
    """The series with their gaps filled, and notes about the gaps. Raises RecipeError for gaps that stay."""
    parts, notes = [], []
    for series in found.rows.series:
        name = f" in the series {series.name}" if series.name else ""
        blocks = [values[list(series.rows)]]
        gaps = Gaps(blocks)
        kept, note = rows_without_gaps(gaps, rule, table.name, name, series.rows, table.numbers, found.values)
        filled = next(gaps.filled(blocks, rule, kept))
        parts.append(SeriesPart(series.name, filled, series.times[kept.start : kept.stop]))
        if note:
            notes.append(f"{note}{name} (--set data.fill=none to refuse)")
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [f"gaps in {len(notes) - MOST_NOTES:,} more series are filled in the same way"]
    return tuple(parts), tuple(notes)


def rows_without_gaps(
    gaps: Gaps,
    rule: str,
    table: str,
    series: str,
    rows: Sequence[int] | NDArray[np.int64],
    numbers: Sequence[int] | NDArray[np.int64],
    columns: Sequence[str],
) -> tuple[range, str]:
    """The rows of a series that stay, and a note about its gaps. Raises RecipeError for gaps that stay.

    table, series: their names, for messages. rows: of the series, in the table. numbers: of all rows, in the file.
    """
    try:
        kept, note = gaps.kept(rule)
    except GapFault as fault:
        where = f"{table}, row {numbers[rows[fault.row]]}, column {columns[fault.column]}"
        begins = f"; the longest gap, of {fault.length:,}, begins here" if fault.length > 1 else ""
        out = "--set data.fill=linear fills gaps on a straight line, --set data.fill=previous with the value before"
        raise RecipeError(f"{where}: {fault.description}{series}{begins}; {out}") from None
    if not kept:
        raise RecipeError(
            f"{table}: no row has all its values{series}; choose the columns with {way_out('data.columns')}"
        )
    return kept, note


def _notes(table: TableFile, found: SeriesColumns) -> list[str]:
    """What was done to the rows, and where times are missing."""
    rows, notes = found.rows, []
    if rows.footer:
        first = rows.footer[0]
        cells = ", ".join(cell.strip() for cell in table.rows[first] if cell.strip())
        many = f" and the {len(rows.footer) - 1} below" if len(rows.footer) > 1 else ""
        notes.append(f"row {table.numbers[first]} ({cells[:40]}){many} left out: without a time")
    if rows.sorting:
        notes.append(rows.sorting)
    if rows.missing:
        where = f"row {table.numbers[rows.missing[0]]}"
        gaps = f"{len(rows.missing):,} gap{'s' if len(rows.missing) > 1 else ''} in all"
        notes.append(f"times are missing before {where} ({gaps}); rows are treated as evenly spaced")
    return notes
