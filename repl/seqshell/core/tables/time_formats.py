"""Dates and times as people write them in tables: the patterns, and the time that a cell means. English month names."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
PIVOT = 69  # two-digit years from here on are of the 20th century, as in strptime

_MONTH = rf"(?P<name>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_CLOCK = (
    r"(?:(?:T|,?\s+|(?<=\d{4}):)(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
    r"\s?(?P<half>[ap]\.?m\.?)?\s?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?"
)
_YEAR, _SHORT_YEAR = r"(?P<year>[12]\d{3})", r"'?(?P<year>[12]\d{3}|\d\d)"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES = (
    rf"{_YEAR}(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})",  # 2000-01-28
    r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second_part>\d{1,2})(?P=mark)(?P<year>[12]\d{3}|\d\d)",  # 28/01/2000
    rf"{_MONTH}[-\s]+{_DAY}(?:,?\s+|,|-){_YEAR}",  # Jan 28 2000
    rf"{_DAY}[-\s./]*{_MONTH}[-\s,./]*{_SHORT_YEAR}",  # 28 Jan 2000, 28-Jan-00
    rf"{_YEAR}[-\s./]*{_MONTH}[-\s./]*{_DAY}",  # 2000-Jan-28
    rf"{_YEAR}(?P<month>0[1-9]|1[0-2])(?P<day>[0-3]\d)",  # 20000128
)
_PERIODS = (
    rf"{_YEAR}[-\s/.]?M?(?P<month>0[1-9]|1[0-2])",  # 2000-01, 2000M01, 200001
    rf"{_YEAR}[-\s/.]M?(?P<month>1[0-2]|[1-9])",  # 2000-1
    rf"(?P<month>\d{{1,2}})[-/.]{_YEAR}",  # 01/2000
    rf"{_MONTH}[-\s,./']*{_SHORT_YEAR}",  # January 2000, Jan-00
    rf"{_YEAR}[-\s./]*{_MONTH}",  # 2000 Jan
    rf"{_YEAR}[-\s/.:]?Q(?P<quarter>[1-4])",  # 2000Q1, 2000-Q1
    rf"(?:Q(?P<quarter>[1-4])|(?P<quarter_before>[1-4])Q)[-\s/.']*{_SHORT_YEAR}",  # Q1 2000, 1Q2000
    rf"{_YEAR}-?W(?P<week>\d\d)(?:-?(?P<weekday>[1-7]))?",  # 2000-W05
)
_PATTERNS = (
    *(re.compile(_WEEKDAY + date + _CLOCK, re.ASCII | re.IGNORECASE) for date in _DATES),
    *(re.compile(period, re.ASCII | re.IGNORECASE) for period in _PERIODS),
)


@dataclass(frozen=True)
class Moment:
    """A time in a cell.

    start: when it begins, in UTC if it has a zone. unit: quarter, month, week, day or time (of day).
    offset: minutes that its zone is east of UTC; None if it has none.
    """

    start: datetime
    unit: str
    offset: int | None = None

    @property
    def seconds(self) -> float:
        """Since 1970."""
        return (self.start - datetime(1970, 1, 1)).total_seconds()


def patterns_of(cell: str) -> Iterator[re.Pattern[str]]:
    """The patterns that match a cell."""
    return (pattern for pattern in _PATTERNS if pattern.fullmatch(cell))


def has_two_readings(pattern: re.Pattern[str]) -> bool:
    """True if a pattern has day and month as numbers before the year."""
    return "second_part" in pattern.groupindex


def read_moment(pattern: re.Pattern[str], cell: str, day_first: bool = True) -> Moment | None:
    """The time that a cell means by a pattern; None if it does not match, or if there is no such date."""
    found = pattern.fullmatch(cell)
    if found is None:
        return None
    parts = found.groupdict()
    if "second_part" in parts:
        parts["day"], parts["month"] = (parts["first"], parts["second_part"])[:: 1 if day_first else -1]
    try:
        start, unit = _date(parts)
        return _with_clock(start, unit, parts) if parts.get("hour") else Moment(start, unit)
    except (ValueError, OverflowError):
        return None


def _date(parts: dict[str, str | None]) -> tuple[datetime, str]:
    """The first day and the unit. ValueError if there is no such date."""
    year = int(parts["year"] or 0)
    if year < 100:
        year += 1900 if year >= PIVOT else 2000
    if quarter := parts.get("quarter") or parts.get("quarter_before"):
        return datetime(year, 3 * int(quarter) - 2, 1), "quarter"
    if week := parts.get("week"):
        weekday = parts.get("weekday")
        return datetime.fromisocalendar(year, int(week), int(weekday or 1)), "day" if weekday else "week"
    name, month, day = parts.get("name"), parts.get("month"), parts.get("day")
    number = _MONTHS[name.lower()] if name else int(month or 0)
    return datetime(year, number, int(day or 1)), "day" if day else "month"


def _with_clock(day: datetime, unit: str, parts: dict[str, str | None]) -> Moment:
    """A time of day; 24:00 is the next midnight. ValueError if there is no such time."""
    hour, half, zone = int(parts["hour"] or 0), parts["half"], parts["zone"]
    if half:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    elif parts["minute"] is None:
        raise ValueError  # a lone number behind a date is no time
    minute, second = int(parts["minute"] or 0), int(parts["second"] or 0)
    micro = int((parts["fraction"] or "0")[:6].ljust(6, "0"))
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and minute + second + micro):
        raise ValueError
    start = day + timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micro)
    if zone is None:
        return Moment(start, "time")
    digits = re.sub(r"\D", "", zone).ljust(4, "0") if zone[0] in "+-" else "0000"
    offset = (60 * int(digits[:2]) + int(digits[2:])) * (-1 if zone[0] == "-" else 1)
    if abs(offset) >= 24 * 60:
        raise ValueError
    return Moment(start - timedelta(minutes=offset), "time", offset)


def written(moment: Moment, unit: str, offset: int | None) -> str:
    """A time in ISO 8601, as exact as the unit: 2000-01, 2000-Q1, 2000-01-28, 2000-01-28 10:00:00+01:00."""
    start = moment.start
    if unit == "quarter":
        return f"{start.year:04}-Q{(start.month + 2) // 3}"
    if unit == "month":
        return f"{start.year:04}-{start.month:02}"
    if unit in ("day", "week"):
        return f"{start.date()}"
    if offset is None:
        return str(start)
    local = start.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset)))
    return str(local).removesuffix("+00:00") + ("Z" if offset == 0 else "")


def from_unix(seconds: float) -> Moment | None:
    """The time of a Unix time; None if it is beyond the years 1 to 9999."""
    try:
        return Moment(datetime(1970, 1, 1) + timedelta(seconds=seconds), "time")
    except OverflowError:
        return None
