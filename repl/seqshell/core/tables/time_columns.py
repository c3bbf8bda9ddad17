"""Columns of times: all cells are read together, so that the data tell day and month apart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

from seqshell.core.row_times import WEEKDAYS, read_times, without_zero_seconds
from seqshell.core.tables.numbers import CellFault
from seqshell.core.tables.time_formats import Moment, from_unix, has_two_readings, patterns_of, read_moment, written
from seqshell.core.text_output import quoted

TRIED = 5  # cells from which the pattern of a column is guessed
UNIX_SECONDS, UNIX_MILLISECONDS = (1e8, 5e9), (1e11, 5e12)  # from 1973 to 2128
YEARS = (1000, 2999)
DAY = 86_400.0
EPOCH = datetime(1970, 1, 1)
_ISO_DATE = r"[12]\d{3}-[01]\d-[0-3]\d"
_ISO_CELLS = (_ISO_DATE, rf"{_ISO_DATE}[ T]\d\d:\d\d", rf"{_ISO_DATE}[ T]\d\d:\d\d:\d\d")
_ISO_COLUMN = re.compile("|".join(rf"{cell}(?:\n{cell})*+" for cell in _ISO_CELLS), re.ASCII)  # needs no more care
LONG = 1.5  # times the median step is a gap; months and years differ by less
# Longest step in days, and how it is called.
_STEPS = ((1, "daily"), (7, "weekly"), (31, "monthly"), (92, "quarterly"), (366, "yearly"))
_SHORTEST = {"monthly": 28, "quarterly": 89, "yearly": 365}


@dataclass(frozen=True)
class ColumnTimes:
    """The times of N rows.

    keys: seconds since 1970, or the column's own numbers; NaN for cells that are no times. texts: the times in ISO
    8601, or the cells of numbers. unit: quarter, month, week, day, time, year or number. day_first: how day and month
    were read where both are numbers; None elsewhere.
    """

    keys: tuple[float, ...]
    texts: tuple[str, ...]
    unit: str
    day_first: bool | None = None

    @property
    def is_dates(self) -> bool:
        """True if the cells are dates, not numbers such as years."""
        return self.unit not in ("number", "year")

    @property
    def unread(self) -> tuple[int, ...]:
        """The indices of the cells that are no times."""
        return tuple(index for index, key in enumerate(self.keys) if math.isnan(key))


def read_time_column(cells: Sequence[str], day_first: bool | None = None) -> ColumnTimes | None:
    """The times in the cells of a column, in any order; None if its first cells are no times.

    day_first: how to read 01/02/2000; None: as the data tell. Raises CellFault if they do not tell, or contradict.
    """
    cells = [" ".join(cell.split()) for cell in cells]
    if (times := _iso_times(cells)) is not None:
        return times
    different: dict[str, int] = {}  # in a table of several series, each time occurs often
    for index, cell in enumerate(cells):
        different.setdefault(cell, index)
    filled = [cell for cell in different if cell]
    if not filled:
        return None
    if sum(map(is_plain_number, filled)) * 2 > len(filled):
        return _numbers(cells)
    tried = dict.fromkeys(pattern for cell in filled[:TRIED] for pattern in patterns_of(cell))
    best: dict[str, Moment | None] = {}
    order: bool | None = None
    for pattern in tried:
        first = _day_first(pattern, different, day_first) if has_two_readings(pattern) else None
        moments = {cell: read_moment(pattern, cell, first is not False) for cell in different}
        if _number_read(moments.values()) > _number_read(best.values()):
            best, order = moments, first
            if _number_read(best.values()) == len(filled):
                break
    return _dates([best[cell] for cell in cells], order) if _number_read(best.values()) else None


def _iso_times(cells: Sequence[str]) -> ColumnTimes | None:
    """Dates in ISO 8601, all with a time of day or all without; None for any other cells."""
    if not _ISO_COLUMN.fullmatch("\n".join(cells)):
        return None
    try:
        keys = tuple([(start - EPOCH).total_seconds() for start in map(datetime.fromisoformat, cells)])
    except ValueError:
        return None
    if all(key % DAY == 0 for key in keys):
        return ColumnTimes(keys, tuple([cell[:10] for cell in cells]), "day")
    texts = [f"{cell[:10]} {cell[11:]}" for cell in cells]
    return ColumnTimes(keys, tuple(without_zero_seconds(texts)), "time")


def read_sample(cells: Sequence[str], day_first: bool | None = None) -> ColumnTimes | None:
    """As `read_time_column`, for a part of a column; if it does not tell day and month apart, the day is first."""
    try:
        return read_time_column(cells, day_first)
    except CellFault:
        return read_time_column(cells, True)


def step_name(times: ColumnTimes) -> str:
    """How far the times are apart, in words: monthly, every 15 minutes; "" for numbers, a single time and odd steps."""
    keys = sorted({key for key in times.keys if not math.isnan(key)})
    steps = [after - before for before, after in pairwise(keys)]
    if not steps or times.unit == "number":
        return ""
    step = median(steps)
    if times.unit == "year":
        return "yearly" if step == 1 else f"every {step:g} years"
    days = step / DAY
    for longest, name in _STEPS:
        if abs(days - longest) < 1e-6 or _SHORTEST.get(name, longest) <= days <= longest:
            return name
    for length, unit in ((DAY, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second")):
        number = round(step / length, 6)
        if number >= 1 and number.is_integer():
            plain = {"hour": "hourly"}.get(unit, f"every {unit}")
            return plain if number == 1 else f"every {number:g} {unit}s"
    return ""


def to_continue(name: str, cells: Sequence[str], times: ColumnTimes) -> tuple[str, ...]:
    """The texts by which `read_times` continues sorted times: the cells if it reads them as meant, else `texts`."""
    if tuple(cells) == times.texts:
        return times.texts
    known = read_times(name, cells) if times.day_first is not False else None
    return tuple(cells if known is not None or not times.is_dates else times.texts)


def long_steps(keys: Sequence[float]) -> list[int]:
    """The indices of sorted times with missing times before them; days that are only weekends are not missing."""
    steps = [after - before for before, after in pairwise(keys)]
    usual = median(steps) if steps else 0.0
    found = [index for index, step in enumerate(steps, 1) if step > LONG * usual]
    if usual != DAY or any(_weekday(key) >= WEEKDAYS for key in keys):
        return found
    return [index for index in found if keys[index] - keys[index - 1] > 3 * DAY or _weekday(keys[index]) != 0]


def _weekday(seconds: float) -> int:
    """0 for Monday."""
    return (int(seconds // DAY) + 3) % 7  # 1970 began on a Thursday


def is_plain_number(cell: str) -> bool:
    """True for a finite number as Python writes it."""
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def _numbers(cells: Sequence[str]) -> ColumnTimes:
    """Times that are numbers: dates without marks, Unix times, years, or steps."""
    numbers = [float(cell) if is_plain_number(cell) else math.nan for cell in cells]
    known = [number for number in numbers if not math.isnan(number)]
    low, high = min(known), max(known)
    if all(number.is_integer() for number in known):
        sizes = {len(cell) for cell, number in zip(cells, numbers, strict=True) if not math.isnan(number)}
        if sizes <= {8} or sizes <= {6}:
            pattern = next((each for cell in cells for each in patterns_of(cell)), None)
            moments = [read_moment(pattern, cell) if pattern else None for cell in cells]
            if _number_read(moments) == len(known):
                return _dates(moments, None)
        if YEARS[0] <= low and high <= YEARS[1]:
            return ColumnTimes(tuple(numbers), tuple(cells), "year")
    for (least, most), unit in ((UNIX_SECONDS, 1.0), (UNIX_MILLISECONDS, 1000.0)):
        if least <= low and high <= most:
            return _dates([None if math.isnan(number) else from_unix(number / unit) for number in numbers], None)
    return ColumnTimes(tuple(numbers), tuple(cells), "number")


def _dates(moments: Sequence[Moment | None], day_first: bool | None) -> ColumnTimes:
    """As exact as the most exact cell; in the zone of all cells, or in UTC if they differ."""
    known = [moment for moment in moments if moment is not None]
    units = {moment.unit for moment in known}
    unit = next((unit for unit in ("time", "day", "week", "month", "quarter") if unit in units), "day")
    if unit == "time" and all(moment.start.time() == datetime.min.time() and moment.offset is None for moment in known):
        unit = "day"
    offsets = {moment.offset for moment in known}
    offset = (offsets.pop() if len(offsets) == 1 else 0) if offsets != {None} else None
    texts = ["" if moment is None else written(moment, unit, offset) for moment in moments]
    return ColumnTimes(
        tuple(math.nan if moment is None else moment.seconds for moment in moments),
        tuple(without_zero_seconds(texts) if offset is None else texts),
        unit,
        day_first,
    )


def _day_first(pattern: re.Pattern[str], cells: Mapping[str, int], told: bool | None) -> bool:
    """How day and month are ordered: as told, else as a number above 12 tells, else as gives equal steps or an order.

    cells: different ones, with the indices of their rows. With dots, the day is first. Raises CellFault if the cells
    contradict each other, or if nothing tells.
    """
    if told is not None:
        return told
    found = {cell: match for cell in cells if (match := pattern.fullmatch(cell))}
    days = next((cell for cell, match in found.items() if int(match["first"]) > 12), None)
    months = next((cell for cell, match in found.items() if int(match["second_part"]) > 12), None)
    if days is not None and months is not None:
        both = f"{quoted(days)} has the day first, {quoted(months)} the month"
        index = max(cells[days], cells[months])
        raise CellFault(index, f"{both}; write all dates in one way, such as 2000-01-28")
    if days is not None or months is not None:
        return days is not None
    first, match = next(iter(found.items()))
    if match["mark"] == ".":
        return True
    readings = {order: [read_moment(pattern, cell, order) for cell in found] for order in (True, False)}
    for fits in (_has_equal_steps, _is_in_order):
        good = [order for order, moments in readings.items() if fits(moments)]
        if len(good) == 1:
            return good[0]
    cell = next((cell for cell in found if found[cell]["first"] != found[cell]["second_part"]), first)
    raise CellFault(
        cells[cell],
        f"{quoted(cell)} may begin with the day or with the month, and no other date tells; "
        "--set data.day_first=true or --set data.day_first=false decides",
    )


def _has_equal_steps(moments: Sequence[Moment | None]) -> bool:
    """True if three or more different times have equal steps, in seconds or in whole months."""
    starts = sorted({moment.start for moment in moments if moment is not None})
    steps = {after - before for before, after in pairwise(starts)}
    days = {start.day for start in starts}
    months = {12 * (after.year - before.year) + after.month - before.month for before, after in pairwise(starts)}
    return len(starts) > 2 and (len(steps) == 1 or (len(days) == 1 and len(months) == 1))


def _is_in_order(moments: Sequence[Moment | None]) -> bool:
    """True if three or more times rise, or fall, from row to row."""
    starts = [moment.start for moment in moments if moment is not None]
    return len(starts) > 2 and (
        all(before < after for before, after in pairwise(starts))
        or all(before > after for before, after in pairwise(starts))
    )


def _number_read(moments: Iterable[Moment | None]) -> int:
    return sum(moment is not None for moment in moments)
