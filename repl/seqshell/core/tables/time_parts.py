"""Times in several columns of a table, such as year and quarter: find the columns, and join their cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from seqshell.core.tables.time_columns import is_plain_number, read_sample

# The words of a column's name, by the part of a time that it holds.
_PARTS = {
    "year": {"year", "yr", "yyyy", "years"},
    "quarter": {"quarter", "qtr", "q"},
    "month": {"month", "mon", "mo", "mm"},
    "week": {"week", "wk"},
    "day": {"day", "dd", "dy"},
    "hour": {"hour", "hr", "hh"},
    "minute": {"minute", "min"},
    "date": {"date", "dt"},
    "time": {"time", "clock", "hms"},
}
_TOGETHER = (  # the longest first
    ("year", "month", "day", "hour", "minute"),
    ("year", "month", "day", "hour"),
    ("year", "month", "day", "time"),
    ("year", "month", "day"),
    ("year", "quarter"),
    ("year", "month"),
    ("year", "week"),
    ("date", "time"),
    ("date", "hour", "minute"),
    ("date", "hour"),
)
_WHOLE_NAMES = ("datetime", "timestamp", "ds", "period", "epoch", "unix", "unixtime", "yearmonth", "yyyymm")
_NAMES = frozenset((*_PARTS, *_WHOLE_NAMES))
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?(\s?[ap]\.?m\.?)?(\s?(Z|[+-]\d\d:?\d\d))?", re.IGNORECASE)
SEPARATOR = ","  # between the names of columns that together are the time
USUAL_YEARS = (1500, 2200)  # numbers that may be years where no name says so
SAMPLE = 200  # cells that show what a column holds


def split_names(text: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that a setting names: one, or several with commas between them."""
    if not text or text in columns:
        return (text,) if text else ()
    return tuple(filter(None, (name.strip() for name in text.split(SEPARATOR))))


def part_of(name: str) -> str:
    """The part of a time that a column holds by its name: year, quarter, month, ..., date or time; "" for none."""
    words = set(re.findall(r"[a-z]+", name.lower()))
    return next((part for part, known in _PARTS.items() if words & known), "")


def is_time_name(name: str, cells: Sequence[str] = ()) -> bool:
    """True if a column is a time by its name, or by a word of it, as in "Unix time", and numbers that rise or fall."""
    if name.strip().lower() in _NAMES:
        return True
    numbers = [float(cell) for cell in cells[:SAMPLE] if is_plain_number(cell)]
    return (
        bool(_NAMES.intersection(re.findall(r"[a-z]+", name.lower())))
        and len(numbers) > 1
        and (sorted(set(numbers)) in (numbers, numbers[::-1]))
    )


def find_time_columns(table: Mapping[str, Sequence[str]], day_first: bool | None = None) -> tuple[str, ...]:
    """The columns that are the time together: one of dates, else several parts, else one of numbers with such a name.

    Whole numbers that count from year to year are a time by any name. table: the cells of each column.
    """
    dates = [name for name, cells in table.items() if _has_dates(name, cells, day_first)]
    by_part = {part: name for name in reversed(list(table)) if (part := part_of(name))}
    if dates:
        by_part["date"] = dates[0]
    for parts in _TOGETHER:
        names = tuple(by_part.get(part, "") for part in parts)
        if (
            all(names)
            and len(set(names)) == len(names)
            and (parts[0] == "date" or not dates)
            and all(_fits(part, table[name]) for part, name in zip(parts, names, strict=True))
        ):
            return names
    named = (name for name, cells in table.items() if is_time_name(name, cells) and _is_numeric(cells))
    years = (name for name, cells in table.items() if _counts_years(cells))
    found = next(iter(dates), None) or next(named, None) or next(years, None)
    return (found,) if found is not None else ()


def join_cells(names: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """One cell for each row, which `read_time_column` reads. columns: the cells of the columns, as many as names."""
    if len(columns) == 1:
        return [cell.strip() for cell in columns[0]]
    parts = [part_of(name) for name in names]
    return [_joined(parts, row) for row in zip(*columns, strict=True)]


def _joined(parts: Sequence[str], cells: Sequence[str]) -> str:
    """2000-1-28 10:00 from year, month, day and hour; cells without known parts are separated by spaces."""
    date, clock = [], []
    for part, cell in zip(parts, cells, strict=True):
        text = cell.strip().removesuffix(".0")
        if part in ("hour", "minute", "time"):
            clock.append(text)
        elif part == "quarter":
            date.append(f"Q{text.upper().removeprefix('Q')}")
        elif part == "week":
            date.append(f"W{text.upper().removeprefix('W').rjust(2, '0')}")
        else:
            date.append(text)
    day = "-".join(date)
    if not clock:
        return day
    hours = ":".join(text if index == 0 else text.rjust(2, "0") for index, text in enumerate(clock))
    return f"{day} {hours if ':' in hours else f'{hours}:00'}"


def _has_dates(name: str, cells: Sequence[str], day_first: bool | None) -> bool:
    """True if most cells of a column are dates; numbers are only with the name of a time."""
    times = read_sample(cells[:SAMPLE], day_first)
    if times is None or not times.is_dates or len(times.unread) * 2 > len(times.keys):
        return False
    return is_time_name(name, cells) or not _is_numeric(cells)


def _fits(part: str, cells: Sequence[str]) -> bool:
    """True if the cells of a column are what its name says."""
    filled = [cell.strip() for cell in cells[:SAMPLE] if cell.strip()]
    if not filled:
        return False
    if part == "time":
        return all(map(_CLOCK.fullmatch, filled))
    if part == "date":
        times = read_sample(filled)
        return times is not None and times.unit in ("day", "week")
    if part == "month" and not _is_numeric(filled):
        times = read_sample([f"{cell} 2000" for cell in filled])
        return times is not None and times.unit == "month"
    limits = {"year": (1000, 2999), "quarter": (1, 4), "month": (1, 12), "week": (1, 53), "day": (1, 31)}
    low, high = limits.get(part, (0, 59 if part == "minute" else 24))
    numbers = [cell.upper().removeprefix("Q").removeprefix("W").removesuffix(".0") for cell in filled]
    return sum(number.isdecimal() and low <= int(number) <= high for number in numbers) * 2 > len(numbers)


def _counts_years(cells: Sequence[str]) -> bool:
    """True for three or more years that rise, or fall, by one from row to row."""
    if len(cells) < 3 or not all(cell.strip().isdecimal() for cell in cells):
        return False
    years = [int(cell) for cell in cells]
    low, high = USUAL_YEARS
    return {after - before for before, after in pairwise(years)} in ({1}, {-1}) and low <= min(years) <= max(
        years
    ) <= high


def _is_numeric(cells: Sequence[str]) -> bool:
    """True if most cells are numbers."""
    filled = [cell for cell in cells[:SAMPLE] if cell.strip()]
    return bool(filled) and sum(map(is_plain_number, filled)) * 2 > len(filled)
