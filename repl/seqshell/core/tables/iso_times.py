"""Times in ISO 8601 in many cells at once: what `read_time_column` and `to_continue` make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqshell.core.row_times import SHORTEST_MONTH
from seqshell.core.tables.time_columns import DAY, YEARS, ColumnTimes, to_continue

LAYOUTS = {len(each): each for each in ("0000-00-00", "0000-00-00 00:00", "0000-00-00 00:00:00")}
SEPARATOR, WITH_MINUTES = 10, 16  # where a space or a T is; the size of a time without seconds


@dataclass(frozen=True)
class IsoTimes:
    """The times of N cells. keys: [N], seconds since 1970. cells: [N, W], their bytes. texts: [N, V], those of
    ColumnTimes.texts."""

    keys: NDArray[np.float64]
    cells: NDArray[np.uint8]
    texts: NDArray[np.uint8]

    def to_continue(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The texts of sorted rows of a series, by which `read_times` continues them: the cells, or `texts`."""
        steps = np.diff(self.keys[rows])
        is_as_written = self.texts is self.cells or (len(steps) > 0 and bool((steps == steps[0]).all()))
        if not is_as_written and len(steps) and steps[0] >= SHORTEST_MONTH * DAY:  # they may be months
            texts = tuple(_lines(self.texts[rows]))
            is_as_written = to_continue("", _lines(self.cells[rows]), ColumnTimes((), texts, "day")) != texts
        chosen = self.cells if is_as_written else self.texts
        found: NDArray[np.uint8] = chosen[rows]
        return found


def read_iso(cells: NDArray[np.uint8]) -> IsoTimes | None:
    """The times in the bytes [N, W] of cells; None for what has to be read in another way."""
    layout = LAYOUTS.get(cells.shape[1])
    if layout is None:
        return None
    columns = np.ascontiguousarray(cells.T)  # [W, N]
    begins = np.append(True, (columns[:SEPARATOR, 1:] != columns[:SEPARATOR, :-1]).any(0))  # a day
    places = np.flatnonzero(begins)
    days = _days(columns[:SEPARATOR, places])
    if days is None:
        return None
    keys = np.repeat(int(DAY) * days, np.diff(places, append=len(cells)))
    size, has_t = len(layout), False
    if size > SEPARATOR:
        has_t = bool(columns[SEPARATOR, 0] == ord("T"))
        digits = _digits(columns[SEPARATOR:], layout[SEPARATOR:].replace(" ", "T" if has_t else " "))
        if digits is None:
            return None
        hour, minute = 10 * digits[1] + digits[2], 10 * digits[4] + digits[5]
        second = 10 * digits[7] + digits[8] if size > WITH_MINUTES else np.zeros(1, np.uint8)
        if hour.max() > 23 or minute.max() > 59 or second.max() > 59:
            return None
        keys += 60 * (np.int32(60) * hour + minute) + second
        size = size if second.any() else WITH_MINUTES
    size = size if (keys % int(DAY)).any() else SEPARATOR
    texts = cells
    if size < len(layout) or has_t:
        texts = cells[:, :size].copy()
        texts[:, SEPARATOR : SEPARATOR + 1] = ord(" ")
    return IsoTimes(keys.astype(np.float64), cells, texts)


def _digits(columns: NDArray[np.uint8], layout: str) -> NDArray[np.uint8] | None:
    """The digits in the bytes [W, N] of cells; None if they are not written so."""
    digits = columns - np.uint8(ord("0"))
    for place, each in enumerate(layout):
        if (digits[place] > 9 if each == "0" else columns[place] != ord(each)).any():
            return None
    return digits


def _days(columns: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """The days since 1970 of the dates in bytes [W, N]; None if there are no such dates."""
    digits = _digits(columns, LAYOUTS[SEPARATOR])
    if digits is None:
        return None
    powers = np.array([1000, 100, 10, 1])
    year, month, day = powers @ digits[:4], powers[2:] @ digits[5:7], powers[2:] @ digits[8:10]
    low, high = YEARS
    if year.min() < low or year.max() > high or month.min() < 1 or month.max() > 12 or day.min() < 1:
        return None
    months = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    if (days.astype("datetime64[M]") != months).any():
        return None
    return days.astype(np.int64)


def _lines(cells: NDArray[np.uint8]) -> Sequence[str]:
    return [cell.tobytes().decode() for cell in cells]
