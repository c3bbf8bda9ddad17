"""Series of numbers for training: the columns of a table, how its rows are split by time, and how values are normalised."""

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
from seqshell.core.number_text import is_gap
from seqshell.training.data.tables import TableFile, first_rows, read_table
from seqshell.training.recipes.settings import DataSettings

LARGEST = 1e30  # of a value: its square is still a number of 64 bits, and so is a whole series of them
LONG = 1.5  # times the usual step of the time column is a gap: months and years differ by less

TIMES = ("date", "time", "datetime", "timestamp", "ds", "year", "month", "week", "day", "hour")  # names of columns
MONTH = re.compile(r"\d{4}-\d{2}")
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(\D.*)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class SeriesData:
    """A table of numbers, oldest first. values: [N, F]; sha256: of the bytes of its file. note: on times that are missing, "" without any."""

    name: str
    sha256: str
    columns: tuple[str, ...]
    values: Numbers
    note: str = ""

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class RowSplit:
    """Rows [start, end) of each part, one after the other in time; test may be empty."""

    training: range
    validation: range
    test: range

    @property
    def judged(self) -> range:
        """The rows that a finished model is measured on: those to test on, else those to validate on."""
        return self.test or self.validation


@dataclass(frozen=True)
class Scale:
    """A value x of column f is read as (x - mean[f]) / std[f]: [F] each."""

    mean: Numbers
    std: Numbers

    def normalised(self, values: Numbers) -> NDArray[np.float32]:
        """values: [..., F]."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def restored(self, values: NDArray[Any]) -> Numbers:
        """values: [..., F], normalised."""
        return np.asarray(values, np.float64) * self.std + self.mean


def scale_of(values: Numbers) -> Scale:
    """Mean and standard deviation of rows [N, F], which must be those to train on alone; a column that never changes is not stretched."""
    std = values.std(0)
    return Scale(values.mean(0), np.where(std > 0, std, 1.0))


def read_series(
    word: str,
    columns: Sequence[str] = (),
    time_column: str = "",
    *,
    folder: Path = Path(),
    origin: str = "",
    way_out: str = "data.columns",
) -> SeriesData:
    """The named columns of a table, or all but the time. RecipeError names row and column of what is no number or a gap, and of times that go back.

    folder, origin: as of `read_table`. way_out: what names other columns.
    """
    table = read_table(word, folder, origin)
    if time_column:
        note = _check_times(table, time_column)
    names = tuple(columns) or tuple(name for name in table.columns if name != time_column)
    if not names:
        raise RecipeError(f"{table.name}, row 1: there is no column but {time_column!r}, the time")
    if time_column in names:
        raise RecipeError(f"{table.name}: {time_column!r} is the time; it cannot be forecast")
    places = [table.place(name, way_out) for name in names]
    values = np.array(
        [[_number(table, index, place, way_out) for place in places] for index in range(len(table.rows))], np.float64
    )
    return SeriesData(table.name, table.digest, names, values, note if time_column else "")


def find_columns(path: Path, time_column: str = "") -> tuple[str, tuple[str, ...]] | None:
    """The time column of a table, "" without one, and its other columns; None when its first two rows are no names and numbers below them.

    The time is the named column, else the first one with a date in it, else the first one whose name tells a time. Beside a time some of the others
    must be numbers, without one all of them. RecipeError for numbers without names above them, and names without numbers below.
    """
    names, cells = [*first_rows(path, 3), (), ()][:2]  # a blank row may stand between the two
    if names and all(_is_number(cell) or _is_time(cell) for cell in names) and any(map(_is_number, names)):
        number = next(filter(_is_number, names))
        raise RecipeError(
            f"{path.name}, row 1: {number!r} is a number; the first row names the columns, such as date,value"
        )
    if len(names) > 1 and not cells and ".csv" in path.suffixes:
        raise RecipeError(f"{path.name} has no rows below the names of its columns")
    if not cells or any(map(_is_number, names)):
        return None
    below = dict(zip(names, cells, strict=False))  # rows of other lengths are told when the table is read
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
    """The parts of a table of so many rows. RecipeError when one is too short for forecasts of `horizon` steps."""
    if data.ends:
        ends = list(data.ends)
        if (
            any(isinstance(end, bool) or not isinstance(end, int) for end in ends)
            or len(ends) not in (2, 3)
            or sorted({0, *ends}) != [0, *ends]
        ):
            raise RecipeError(
                f"data.ends must be two or three growing row numbers, where training, validation and test end, not {ends}"
            )
        if ends[-1] > num_rows:
            raise RecipeError(f"{name} has {num_rows:,} rows, and data.ends wants {ends[-1]:,}")
    else:
        if not isinstance(data.validation, float | int) or data.validation + data.test >= 1:
            shares = f"{data.validation!r} and {data.test!r}"
            raise RecipeError(
                f"data.validation and data.test must be shares of {name}, less than 1 together, not {shares}"
            )
        kept = round(num_rows * data.test)
        ends = [num_rows - kept - max(1, round(num_rows * data.validation)), num_rows - kept, num_rows]
    training, validation, *test = ends
    split = RowSplit(range(training), range(training, validation), range(validation, test[0] if test else validation))
    least = {"train on": (split.training, horizon + 2), "validate on": (split.validation, horizon)}
    if split.test:
        least["test on"] = (split.test, horizon)
    for what, (rows, size) in least.items():
        if len(rows) < size:
            raise RecipeError(
                f"{name} is too short: {len(rows)} rows to {what}, and a horizon of {horizon} needs {size}"
            )
    return split


def _number(table: TableFile, index: int, place: int, way_out: str) -> float:
    """The number in a cell. RecipeError for a gap and for text."""
    cell = table.rows[index][place].strip()
    where = table.where(index, table.columns[place])
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if "_" not in cell and math.isfinite(value):
        if abs(value) > LARGEST:
            raise RecipeError(f"{where}: {cell[:40]} is too large; {LARGEST:g} is the most")
        return value
    if is_gap(cell):
        raise RecipeError(f"{where}: a value is missing; fill it in, or leave out the rows up to there")
    if DECIMAL_COMMA.fullmatch(cell):
        raise RecipeError(f"{where}: {cell!r} has a comma; a number is written with a point, {cell.replace(',', '.')}")
    raise RecipeError(f"{where}: {cell[:40]!r} is no number; {way_out} names the columns that are numbers")


def _is_number(cell: str) -> bool:
    """Whether a cell is meant to be a number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return bool(DECIMAL_COMMA.fullmatch(cell))


def _is_time(cell: str) -> bool:
    """Whether a cell is a date, and no number."""
    return not _is_number(cell) and (_moment(cell) is not None or bool(DATE.fullmatch(cell)))


def _check_times(table: TableFile, column: str) -> str:
    """RecipeError when a time is not later than the one before it. Returns a note on steps that are left out; times that are neither numbers nor
    dates are not looked at."""
    place = table.place(column, "data.time_column")
    times = [_moment(row[place].strip()) for row in table.rows]
    if any(time is None for time in times) or len(times) < 2:
        return ""
    steps = np.diff(np.array(times, np.float64))
    if (steps <= 0).any():
        index = int(np.argmax(steps <= 0)) + 1
        cells = [table.rows[row][place] for row in (index, index - 1)]
        raise RecipeError(
            f"{table.where(index, column)}: {cells[0]!r} is not later than {cells[1]!r} in the row before; sort the rows by time"
        )
    long = np.flatnonzero(steps > LONG * np.median(steps))
    if not len(long):
        return ""
    return f"{table.where(int(long[0]) + 1, column)}: time is left out before it, as in {len(long):,} places; the rows are taken as evenly spaced"


def _moment(text: str) -> float | None:
    """A time as a number: of itself, or of seconds. None for what is neither a number nor an ISO date or month."""
    try:
        value = float(text)
        return value if math.isfinite(value) else None
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(f"{text}-01" if MONTH.fullmatch(text) else text)
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
