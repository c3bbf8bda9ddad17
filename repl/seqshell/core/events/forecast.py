"""The answer of a forecaster: the next values of a series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from seqshell.core.events.answers import Answer
from seqshell.core.events.base import Rows
from seqshell.core.row_times import without_zero_seconds
from seqshell.core.text_output import rows_as_json

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Curves, Page

TIMES = 4  # that are named in a picture


@dataclass(frozen=True)
class Forecast(Answer):
    """The answer of FORECAST: the values of the next steps, [N, F], in the units of the data.

    low, high: an interval around them, [N, F], or None.
    columns: the names of the F series. history [M, F]: the last observed values, oldest first. interval: the quantiles
    of low and high, which are NaN where the model gives none. times: of the rows of history, then of values; empty if
    unknown. time_column: their name. series: the name of the series, if the model was trained on several.
    """

    op: ClassVar[str] = "forecast"
    columns: tuple[str, ...]
    history: Any = field(repr=False, compare=False)
    values: Any = field(repr=False, compare=False)
    low: Any = field(default=None, repr=False, compare=False)
    high: Any = field(default=None, repr=False, compare=False)
    position: int = 0
    branch: str = "main"
    interval: tuple[float, ...] = ()
    times: tuple[str, ...] = ()
    time_column: str = ""
    series: str = ""

    @property
    def next_times(self) -> tuple[str, ...]:
        """The times of the values; empty if unknown."""
        return self.times[len(self.history) :]

    def as_json(self) -> Mapping[str, Any]:
        """A number for each step, or a row of numbers for several series; null where the model gives no interval."""
        numbers = {"values": self.values, "low": self.low, "high": self.high}
        fields = {name: rows_as_json(rows) for name, rows in numbers.items()}
        times = {"times": list(self.next_times)} if self.times else {}
        series = {"series": self.series} if self.series else {}
        return {**fields, **series, "columns": list(self.columns), **times, "pos": self.position, "branch": self.branch}

    def as_text(self) -> str:
        """One line for a single series; else one line a step."""
        return ("\n" if len(self.columns) > 1 else " ").join(self.rows())

    def as_rows(self) -> Rows:
        """A row for each step and column: the time or else the number of the step, the column and the quantiles.

        A column with the name of the series comes first if there is one.
        """
        ends = [rows for rows in (self.low, self.values, self.high) if rows is not None]
        levels = (self.interval[0], 0.5, self.interval[-1]) if self.interval else ()
        quantiles = [f"q{100 * level:.3g}" for level in levels] or ["value"]
        start, series = ["series"] if self.series else [], [self.series] if self.series else []
        times = self.next_times or range(1, len(self.values) + 1)
        numbers = list(zip(*[_numbers(rows) for rows in ends], strict=True))  # of each step, by end and column
        return [
            [*start, self.time_column if self.times else "step", "column", *quantiles],
            *(
                [*series, time, name, *values]
                for time, step in zip(times, numbers, strict=True)
                for name, *values in zip(self.columns, *step, strict=True)
            ),
        ]

    def as_page(self) -> Page:
        """The last values and the next ones, as lines with the interval, for each column."""
        from seqshell.core.pictures.page import Page

        return Page(tuple(self._curves(index) for index in range(len(self.columns))), self.series)

    def _curves(self, index: int) -> Curves:
        """The lines of one column. The next values are joined to the last observed one."""
        from seqshell.core.pictures.page import Curve, Curves

        last = [float(self.history[-1][index])] if len(self.history) else []

        def joined(rows: Any) -> tuple[float, ...]:
            return () if rows is None else (*last, *(float(row[index]) for row in rows))

        seen = tuple(float(row[index]) for row in self.history)
        interval = " to ".join(f"{100 * share:.3g}" for share in self.interval)
        label = f"forecast, {interval} %" if self.low is not None and interval else "forecast"
        ahead = Curve(label, 1 - len(last), joined(self.values), joined(self.low), joined(self.high))
        names = list(enumerate(without_zero_seconds(self.times), 1 - len(seen)))
        return Curves(
            (Curve("observed", 1 - len(seen), seen, is_main=False), ahead),
            self.columns[index],
            self.time_column if self.times else "steps from now",
            tuple(names[:: max(1, -(-len(names) // TIMES))]),
        )

    def rows(self) -> list[str]:
        """The values of each step, separated by spaces, as a message may hold them."""
        return [" ".join(f"{float(value):.6g}" for value in row) for row in self.values]


def _numbers(rows: Any) -> list[list[float]]:
    return [[float(value) for value in row] for row in rows]
