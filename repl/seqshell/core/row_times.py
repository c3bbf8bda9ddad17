"""The times of the rows of a table: a regular column of dates or numbers, which continues after its last row."""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y")
_HOURS = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
FORMATS = (*(date + hours for date in _DATES for hours in _HOURS), "%Y-%m", "%Y-Q%q")  # %q: the quarter
NUM_FIRST = 3
SHORTEST_MONTH = 28  # days
WEEKDAYS = 5  # Monday is 0
_ZERO_SECONDS = re.compile(r"(\d\d:\d\d):00Z?")
_YEAR = re.compile(r"\d{4}[-/](?=\d\d[-/]\d\d)")
_ZONE = re.compile(r"(?<=\d\d:\d\d)(?:Z|[+-]\d\d:\d\d)$")  # behind a time of day
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_WHOLE = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)


@dataclass(frozen=True)
class RowTimes:
    """Times with equal steps, written as in the table, perhaps after some with others.

    name: of the column. start: the time of row 0. step: between rows; an integer counts months if `start` is a date.
    format: of strftime, and %q for a quarter; "" for whole numbers. at_month_end: each time is the last day of a month.
    listed: the times of the first rows, if their steps differ; `start` is then the last of them. skips_weekends: the
    steps after those are weekdays.
    """

    name: str
    start: datetime | int
    step: timedelta | int
    format: str = ""
    at_month_end: bool = False
    listed: tuple[str, ...] = ()
    skips_weekends: bool = False

    @property
    def first(self) -> list[str]:
        """The times of the first rows, by which `read_times` or `listed_times` knows all."""
        return list(self.listed) or [time for row in range(NUM_FIRST) if (time := self.at(row))]

    def at(self, row: int) -> str:
        """The time of a row, which may be before the first or after the last; "" if it is unknown."""
        if self.listed:
            if row < len(self.listed):
                return self.listed[row] if row >= 0 else ""
            row -= len(self.listed) - 1
        try:
            if self.skips_weekends and isinstance(self.start, datetime):
                weeks, days = divmod(self.start.weekday() + row, WEEKDAYS)
                return _written(self.start + timedelta(7 * weeks + days - self.start.weekday()), self.format)
            if isinstance(self.start, int):
                assert isinstance(self.step, int)  # numbers have a numeric step
                return str(self.start + self.step * row)
            if isinstance(self.step, timedelta):
                return _written(self.start + self.step * row, self.format)
            year, month = divmod(12 * self.start.year + self.start.month - 1 + self.step * row, 12)
            day = monthrange(year, month + 1)[1] if self.at_month_end else self.start.day
            return _written(self.start.replace(year=year, month=month + 1, day=day), self.format)
        except (OverflowError, ValueError):
            return ""


def without_zero_seconds(times: Sequence[str]) -> list[str]:
    """Leave out the seconds if all are 0."""
    has_seconds = not all(_ZERO_SECONDS.search(time) for time in times if time)
    return list(times) if has_seconds else [_ZERO_SECONDS.sub(r"\1", time) for time in times]


def short_times(times: Sequence[str]) -> list[str]:
    """The same, and leave out the year of a date where it is that of the first."""
    times = without_zero_seconds(times)
    year = _YEAR.match(times[0]) if times else None
    if year is None:
        return times
    return [times[0], *(time[year.end() :] if time.startswith(year[0]) else time for time in times[1:])]


def read_times(name: str, cells: Sequence[str]) -> RowTimes | None:
    """Read the times in a column, oldest first. None if their steps differ or their format is unknown."""
    return next(
        (times for times in _candidates(name, cells) if all(times.at(row) == cell for row, cell in enumerate(cells))),
        None,
    )


def listed_times(name: str, cells: Sequence[str]) -> RowTimes | None:
    """Times, oldest first, of which more than half of the steps are equal: they continue with these, or on weekdays.

    None for other columns, and where `read_times` knows no format.
    """
    times = next((times for times in _candidates(name, cells) if times.format), None)
    if times is None:
        return None
    suffix = zone[0] if (zone := _ZONE.search(times.format)) else ""
    plain = times.format.removesuffix(suffix)
    try:
        starts = [_parsed(cell.removesuffix(suffix), plain) for cell in cells]
    except ValueError:
        return None
    steps = [after - before for before, after in pairwise(starts)]
    (step, number), *_ = Counter(steps).most_common(1)
    if min(steps) <= timedelta() or number * 2 <= len(steps):
        return None
    weekdays = step == timedelta(days=1) and all(start.weekday() < WEEKDAYS for start in starts)
    return RowTimes(name, starts[-1], step, times.format, listed=tuple(cells), skips_weekends=weekdays)


def _candidates(name: str, cells: Sequence[str]) -> Iterator[RowTimes]:
    """All ways to read the first two times."""
    if len(cells) < 2:
        return
    first, second = cells[:2]
    if _WHOLE.fullmatch(first) and _WHOLE.fullmatch(second) and int(second) > int(first):
        yield RowTimes(name, int(first), int(second) - int(first))
    zone = _ZONE.search(first)
    suffix = zone[0] if zone and second.endswith(zone[0]) else ""
    for plain in FORMATS:
        try:
            start, after = (_parsed(cell.removesuffix(suffix), plain) for cell in (first, second))
        except ValueError:
            continue
        format = plain + suffix
        if after > start:
            months = 12 * (after.year - start.year) + after.month - start.month
            if months and _is_month_end(start) and _is_month_end(after):
                yield RowTimes(name, start, months, format, at_month_end=True)
            if months and start.day <= SHORTEST_MONTH and start.replace(year=after.year, month=after.month) == after:
                yield RowTimes(name, start, months, format)
            yield RowTimes(name, start, after - start, format)


def _parsed(cell: str, format: str) -> datetime:
    """The start of a time. ValueError if it is not written in this format."""
    quarter = _QUARTER.fullmatch(cell) if "%q" in format else None
    return datetime(int(quarter[1]), 3 * int(quarter[2]) - 2, 1) if quarter else datetime.strptime(cell, format)


def _is_month_end(time: datetime) -> bool:
    return time.day == monthrange(time.year, time.month)[1]


def _written(time: datetime, format: str) -> str:
    return time.strftime(format.replace("%q", str((time.month + 2) // 3)))
