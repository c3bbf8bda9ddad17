"""Number series: read the columns of a table, split its rows by time, and normalise values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.tables.numbers import is_gap
from seqshell.training.data.tables import TableFile, first_rows, read_table
from seqshell.training.recipes.settings import DataSettings

MAX_VALUE = 1e30  # of a value, so that sums of squares still fit into 64 bits
LONG = 1.5  # times the median step of the time column is a gap; months and years differ by less

TIMES = ("date", "time", "datetime", "timestamp", "ds", "year", "month", "week", "day", "hour")  # names of time columns
MONTH = re.compile(r"\d{4}-\d{2}")
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(\D.*)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class SeriesData:
    """A table of numbers, oldest first. values: [N, F]. sha256: of its file. note: about missing times, or "".

    times: the cells of the time column [N]; empty if there is none.
    """

    name: str
    sha256: str
    columns: tuple[str, ...]
    values: Numbers
    note: str = ""
    times: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class RowSplit:
    """The rows of each part, in order of time; test may be empty."""

    training: range
    validation: range
    test: range

    @property
    def held_out(self) -> range:
        """The rows to evaluate a finished model on: the test rows, or the validation rows if there are none."""
        return self.test or self.validation


@dataclass(frozen=True)
class Scale:
    """Normalise a value x of column f as (x - mean[f]) / std[f]. mean, std: [F]."""

    mean: Numbers
    std: Numbers

    def normalised(self, values: Numbers) -> NDArray[np.float32]:
        """values: [..., F]."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def restored(self, values: NDArray[Any]) -> Numbers:
        """values: [..., F], normalised."""
        return np.asarray(values, np.float64) * self.std + self.mean


def scale_of(values: Numbers) -> Scale:
    """The scale of training rows [N, F]; the std of a constant column is 1."""
    std = values.std(0)
    return Scale(values.mean(0), np.where(std > 0, std, 1.0))


def read_series(
    file: str,
    columns: Sequence[str] = (),
    time_column: str = "",
    *,
    folder: Path = Path(),
    origin: str = "",
    columns_key: str = "data.columns",
) -> SeriesData:
    """Read the named columns of a table, or all but the time.

    folder, origin: as for `read_table`. columns_key: the recipe key or option that selects columns, for messages.
    Raises RecipeError, with row and column, for a missing value, a cell that is not a number, and times that go
    backwards.
    """
    table = read_table(file, folder, origin)
    note = ""
    times: tuple[str, ...] = ()
    if time_column:
        note = _check_times(table, time_column)
        place = table.place(time_column, "data.time_column")
        times = tuple(row[place].strip() for row in table.rows)
    names = tuple(columns) or tuple(name for name in table.columns if name != time_column)
    if not names:
        raise RecipeError(f"{table.name}, row 1: no column besides the time, {time_column!r}")
    if time_column in names:
        raise RecipeError(f"{table.name}: {time_column!r} is the time column and cannot be forecast")
    places = [table.place(name, columns_key) for name in names]
    values = np.array(
        [[_number(table, index, place, columns_key) for place in places] for index in range(len(table.rows))],
        np.float64,
    )
    return SeriesData(table.name, table.digest, names, values, note, times)


def find_columns(path: Path, time_column: str = "") -> tuple[str, tuple[str, ...]] | None:
    """The time column of a table (or "") and its other columns; None unless its first two rows are names and numbers.

    The time is the named column, else the first column with a date, else the first with a name such as "year". With a
    time column some of the other cells must be numbers, without one all of them. Raises RecipeError for numbers without
    names and names without numbers.
    """
    names, cells = [*first_rows(path, 3), (), ()][:2]  # there may be a blank row between them
    if names and all(_is_number(cell) or _is_time(cell) for cell in names) and any(map(_is_number, names)):
        number = next(filter(_is_number, names))
        raise RecipeError(
            f"{path.name}, row 1: {number!r} is a number, but the first row must name the columns, such as date,value"
        )
    if len(names) > 1 and not cells and ".csv" in path.suffixes:
        raise RecipeError(f"{path.name} has no rows below the column names")
    if not cells or any(map(_is_number, names)):
        return None
    below = dict(zip(names, cells, strict=False))  # rows of other lengths are reported by read_series
    dates = [name for name, cell in below.items() if _is_time(cell)]
    time = next(filter(None, [time_column, *dates, *(name for name in names if name.lower() in TIMES)]), "")
    others = [cell for name, cell in below.items() if name != time]
    if not others and time not in dates:
        return None
    fits = all(_is_number(cell) or is_gap(cell) for cell in others)
    return (
        (time, tuple(name for name in names if name != time))
        if fits or (time and any(map(_is_number, others)))
        else None
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


def _number(table: TableFile, index: int, place: int, columns_key: str) -> float:
    """The number in a cell. Raises RecipeError for a missing value and for text."""
    cell = table.rows[index][place].strip()
    where = table.where(index, table.columns[place])
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if "_" not in cell and math.isfinite(value):
        if abs(value) > MAX_VALUE:
            raise RecipeError(f"{where}: {cell[:40]} is too large; the limit is {MAX_VALUE:g}")
        return value
    if is_gap(cell):
        raise RecipeError(f"{where}: a value is missing; fill it in, or remove the rows up to it")
    if DECIMAL_COMMA.fullmatch(cell):
        raise RecipeError(f"{where}: {cell!r} has a comma; write numbers with a point, {cell.replace(',', '.')}")
    raise RecipeError(f"{where}: {cell[:40]!r} is not a number; select columns of numbers with {columns_key}")


def _is_number(cell: str) -> bool:
    """True if a cell is meant as a number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return bool(DECIMAL_COMMA.fullmatch(cell))


def _is_time(cell: str) -> bool:
    """True if a cell is a date and not a number."""
    return not _is_number(cell) and (_as_number(cell) is not None or bool(DATE.fullmatch(cell)))


def _check_times(table: TableFile, column: str) -> str:
    """Raise RecipeError if a time is not later than the one before; return a note about missing steps.

    Times that are neither numbers nor dates are not checked.
    """
    place = table.place(column, "data.time_column")
    times = [_as_number(row[place].strip()) for row in table.rows]
    if any(time is None for time in times) or len(times) < 2:
        return ""
    steps = np.diff(np.array(times, np.float64))
    if (steps <= 0).any():
        index = int(np.argmax(steps <= 0)) + 1
        cells = [table.rows[row][place] for row in (index, index - 1)]
        where = table.where(index, column)
        raise RecipeError(f"{where}: {cells[0]!r} is not later than {cells[1]!r} before it; sort the rows by time")
    long = np.flatnonzero(steps > LONG * np.median(steps))
    if not len(long):
        return ""
    where = table.where(int(long[0]) + 1, column)
    return f"{where}: times are missing before this row ({len(long):,} gaps in all); rows are treated as evenly spaced"


def _as_number(text: str) -> float | None:
    """A time as a number: a number itself, an ISO date or month in seconds; None for other texts."""
    try:
        value = float(text)
        return value if math.isfinite(value) else None
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(f"{text}-01" if MONTH.fullmatch(text) else text)
    except ValueError:
        return None
    return (parsed.replace(tzinfo=parsed.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
