"""Charts of a series, its forecast and prediction interval: braille dots in colour, else ASCII characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seqshell.core.events import Forecast
from seqshell.core.plane import BRAILLE
from seqshell.core.row_times import short_times
from seqshell.terminal.printer import Printer

HEIGHTS = (12, 8, 6)  # rows of a chart if there are one, two or more
MAX_CHARTS = 4  # further columns of the data are not drawn
WIDEST, NARROW = 120, 60  # columns of the terminal
SAMPLES = 4  # of a line, for each dot from left to right
WIDEST_NAME = 12  # characters of the name of the time axis
STEPS = "steps"  # the name of the time axis if the times are unknown
MARKS = "*o."  # observed, forecast, interval, without colour
SHADE = 0x82  # the dots of a character inside the interval: evenly spaced, so that lines stand out
LINES = "━━" + chr(0x2800 + SHADE)  # the same in the legend, with colour
OBSERVED, FORECAST, INTERVAL = "", "chain", "bar"  # styles
STYLES = (FORECAST, OBSERVED, INTERVAL)  # of a character with dots of several, the first

Points = Sequence[float]


@dataclass(frozen=True)
class Series:
    """One column of a forecast: history [M], values [N], low and high [N] or empty; NaN for unknown values.

    times: how to write those of history and values, [M + N]. time_name: the name of the time axis.
    """

    history: Points
    values: Points
    low: Points = ()
    high: Points = ()
    times: Sequence[str] = ()
    time_name: str = STEPS

    @property
    def scale(self) -> tuple[float, float]:
        """The smallest and largest value to draw, widened if they are equal."""
        finite = [
            value for part in (self.history, self.values, self.low, self.high) for value in part if math.isfinite(value)
        ]
        low, high = min(finite, default=0.0), max(finite, default=0.0)
        if high > low:
            return low, high
        return low - (abs(low) / 10 or 1.0), high + (abs(high) / 10 or 1.0)

    def band(self) -> tuple[list[float], list[float]]:
        """Return low and high, both preceded by the last observation."""
        start = [float(self.history[-1])] if len(self.history) else []
        return [*start, *map(float, self.low)], [*start, *map(float, self.high)]


def draw_forecast(printer: Printer, forecast: Forecast) -> None:
    """Draw the name, a chart and the first forecasts of each column, then a legend."""
    number = len(forecast.columns)
    before = len(forecast.history) - 1
    times = short_times(forecast.times) or [f"{step - before:+}" for step in range(before + 1 + len(forecast.values))]
    time_name = forecast.time_column if forecast.times else STEPS
    height = HEIGHTS[min(number, len(HEIGHTS)) - 1]
    for index, name in enumerate(forecast.columns[:MAX_CHARTS]):
        low, high = (
            [] if rows is None else [float(row[index]) for row in rows] for rows in (forecast.low, forecast.high)
        )
        series = Series(
            [float(row[index]) for row in forecast.history],
            [float(row[index]) for row in forecast.values],
            low,
            high,
            times,
            time_name,
        )
        printer.line(name, "bold")
        _draw_series(printer, series, height)
        _draw_numbers(printer, series)
    if number > MAX_CHARTS:
        printer.line(f"showing {MAX_CHARTS} of {number} columns; /forecast -o FILE.json saves all", "dim")
    _draw_legend(printer, forecast)


def _draw_series(printer: Printer, series: Series, height: int) -> None:
    low, high = series.scale
    names = {
        0: f"{high:.4g}",
        height // 2: f"{high - (high - low) * (height // 2) / (height - 1):.4g}",
        height - 1: f"{low:.4g}",
    }
    time_name = series.time_name[:WIDEST_NAME]
    label = max(map(len, (*names.values(), time_name)))
    width = max(8, min(WIDEST, printer.width - 1) - label - 2)
    rows = _coloured(series, width, height) if printer.coloured and printer.unicode else _ascii(series, width, height)
    for number, row in enumerate(rows):
        printer.fresh_line()
        printer.write(names.get(number, "").rjust(label) + (" ┤" if printer.unicode else " |"), "dim")
        for text, style in _joined(row):
            printer.write(text, style)
        printer.write("\n")
    printer.line(f"{time_name.rjust(label)}  {_time_axis(series, width)}", "dim")


def _time_axis(series: Series, width: int) -> str:
    """The times of the last step, the last observation and the first, in this order while they fit.

    That of the last observation ends below it.
    """
    before, last = len(series.history) - 1, len(series.history) + len(series.values) - 1
    line = " " * width
    for index in dict.fromkeys((last, max(0, before), 0)):
        text = series.times[index] if series.times[index] != "+0" else "now"
        column = round(index * (width - 1) / max(1, last))
        start = max(0, column + 1 - len(text))
        if line[max(0, start - 1) : start + len(text) + 1].isspace():
            line = line[:start] + text + line[start + len(text) :]
    return line.rstrip()


def _draw_numbers(printer: Printer, series: Series) -> None:
    """Draw the first forecasts with their intervals, as many as fit on one line."""
    line = ""
    times = series.times[len(series.history) :]
    for step, (time, value) in enumerate(zip(times, series.values, strict=True), 1):
        known = len(series.low) >= step and math.isfinite(series.low[step - 1]) and math.isfinite(series.high[step - 1])
        between = f" ({series.low[step - 1]:.4g} to {series.high[step - 1]:.4g})" if known else ""
        part = f"{'   ' if line else ''}{time} {value:.5g}{between}"
        if len(line) + len(part) + 6 > printer.width:
            line += "   ..."
            break
        line += part
    printer.line(line)


def _draw_legend(printer: Printer, forecast: Forecast) -> None:
    coloured = printer.coloured and printer.unicode
    parts = [("observed", OBSERVED), ("forecast", FORECAST)]
    if len(forecast.interval) == 2:
        low, high = forecast.interval
        name = "prediction interval" if printer.width >= NARROW else "interval"
        parts.append((f"{(high - low) * 100:.3g} % {name}", INTERVAL))
    printer.fresh_line()
    for mark, (name, style) in zip(LINES if coloured else MARKS, parts, strict=False):
        if printer.column + len(name) + 5 > printer.width:
            printer.write("\n")
        printer.write("   " if printer.column else "")
        printer.write(mark, style)
        printer.write(f" {name}", "dim")
    printer.write("\n")


# A character and its style for each column.
Row = list[tuple[str, str]]


def _coloured(series: Series, width: int, height: int) -> list[Row]:
    """Draw lines with 2 by 4 dots per character; a part of the dots of each character of the interval shades it."""
    observed, forecast = (_dots(part, series, 2 * width, 4 * height) for part in (_observed(series), _forecast(series)))
    band = _band(series, width, height)
    rows = []
    for row in range(height):
        cells: Row = []
        for column in range(width):
            bits = [
                sum(BRAILLE[x][y] for x in range(2) for y in range(4) if (2 * column + x, 4 * row + y) in dots)
                for dots in (forecast, observed)
            ]
            bits.append(SHADE if (column, row) in band else 0)
            style = next((style for part, style in zip(bits, STYLES, strict=True) if part), "")
            cells.append((chr(0x2800 + (bits[0] | bits[1] | bits[2])) if any(bits) else " ", style))
        rows.append(cells)
    return rows


def _ascii(series: Series, width: int, height: int) -> list[Row]:
    """Draw lines with one mark per character."""
    layers = [
        _dots(_forecast(series), series, width, height),
        _dots(_observed(series), series, width, height),
        _band(series, width, height),
    ]
    marks = (MARKS[1], MARKS[0], MARKS[2])
    return [
        [
            (next((mark for mark, layer in zip(marks, layers, strict=True) if (column, row) in layer), " "), "")
            for column in range(width)
        ]
        for row in range(height)
    ]


def _observed(series: Series) -> tuple[int, Points]:
    """Return the start of the line, in steps from the first observation, and its values."""
    return 0, series.history


def _forecast(series: Series) -> tuple[int, Points]:
    """Return the same for the forecast, joined to the last observation."""
    start = max(0, len(series.history) - 1)
    return start, [*series.history[start:], *series.values]


def _dots(line: tuple[int, Points], series: Series, width: int, height: int) -> set[tuple[int, int]]:
    """Return the grid points (x, y), y from the top, on a line through the values."""
    found: set[tuple[int, int]] = set()
    before: tuple[int, int] | None = None
    for x, value in _samples(line, series, width):
        y = _level(value, series.scale, height)
        if before is not None and before[0] == x:
            found.update((x, between) for between in range(min(y, before[1]), max(y, before[1]) + 1))
        elif before is not None:
            middle = (y + before[1]) // 2  # keeps a steep line connected
            found.update((before[0], between) for between in range(min(before[1], middle), max(before[1], middle) + 1))
            found.update((x, between) for between in range(min(y, middle), max(y, middle) + 1))
        found.add((x, y))
        before = x, y
    return found


def _band(series: Series, width: int, height: int) -> set[tuple[int, int]]:
    """Return the grid points between low and high."""
    start = max(0, len(series.history) - 1)
    lows, highs = series.band()
    found: set[tuple[int, int]] = set()
    for (x, low), (_, high) in zip(
        _samples((start, lows), series, width), _samples((start, highs), series, width), strict=True
    ):
        found.update((x, y) for y in range(_level(high, series.scale, height), _level(low, series.scale, height) + 1))
    return found


def _samples(line: tuple[int, Points], series: Series, width: int) -> list[tuple[int, float]]:
    """Return points from left to right with the value of the line; it ends before a value that is not finite."""
    start, values = line
    end = next((index for index, value in enumerate(values) if not math.isfinite(value)), len(values))
    last = max(1, len(series.history) + len(series.values) - 1)
    if end == 0:
        return []
    if end == 1:
        return [(round(start * (width - 1) / last), values[0])]
    number = max(end - 1, math.ceil((end - 1) * (width - 1) / last)) * SAMPLES
    found = []
    for index in range(number + 1):
        place = index * (end - 1) / number
        before = min(int(place), end - 2)
        share = place - before
        found.append(
            (
                round((start + place) * (width - 1) / last),
                values[before] + (values[before + 1] - values[before]) * share,
            )
        )
    return found


def _level(value: float, scale: tuple[float, float], height: int) -> int:
    """Return the row of a value, 0 at the top."""
    low, high = scale
    return min(height - 1, max(0, round((high - value) / (high - low) * (height - 1))))


def _joined(row: Row) -> list[tuple[str, str]]:
    """Join neighbours of the same style into one text, without trailing blanks."""
    while row and row[-1] == (" ", ""):
        row.pop()
    found: list[tuple[str, str]] = []
    for text, style in row:
        if found and found[-1][1] == style:
            found[-1] = (found[-1][0] + text, style)
        else:
            found.append((text, style))
    return found
