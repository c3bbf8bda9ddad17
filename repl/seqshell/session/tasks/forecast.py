"""How a session forecasts: values are observed like tokens that are fed, and what may come next is told without committing any of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Forecast, Moved
from seqshell.core.model import Series, Task
from seqshell.core.number_text import as_rows, as_text, counted
from seqshell.core.sampling import Strategy
from seqshell.core.series_tokenizer import Values
from seqshell.core.tokenizers import Tokenizer
from seqshell.session.answers import Answering
from seqshell.session.generation import Plan

MOST_STEPS = 10_000  # of one forecast
HISTORY = 48  # rows that are told with a forecast at least, where so many were observed
HISTORY_PER_STEP = 3
SHOWN = 6  # values of the example in a message


class Forecasting(Answering):
    """Forecasts of numbers."""

    _has_told_window = False

    def observe(self, values: Any) -> int:
        """Read values, oldest first, without forecasting: a text, or numbers [M] or [M, F]. Returns the number of rows.

        VocabularyError or UsageError for what is no row of numbers; nothing has changed then.
        """
        series = self._series()
        ids = (
            self._encoded(values, "error")
            if isinstance(values, str)
            else self._values.add(as_rows(values, series.columns))
        )
        self._forget_interrupt()
        self._take_turn(answers=False)
        return self.live.feed(ids, self._turn, self._draw)

    def forecast(self, steps: int | None = None) -> Forecast:
        """What comes next: `steps` rows, or as many as the model gives at once. Nothing moves, and nothing is committed.

        A model that gives one step at a time is stepped on its own forecasts; their interval is not known then, for the model takes what
        it forecast for certain: low and high are NaN from the second step on. UsageError before anything was observed, and for more
        steps than there can be. An interrupt leaves the steps that are done.
        """
        series = self._series()
        steps = self.check_steps(steps)
        if not self.position:
            raise UsageError(
                f"{self.model.name} has observed nothing yet; {self._advice()}",
                hint=self._way_to_begin(),
                code="empty_series",
            )
        self._forget_interrupt()
        outputs = self._outputs(steps)
        self._is_answered = True
        mean, std = np.array(series.mean), np.array(series.std)
        told = outputs.astype(np.float64) * std[:, None] + mean[:, None]  # [N, F, Q]
        low = high = None
        if told.shape[-1] > 1:
            low, high = told.min(-1), told.max(-1)  # quantiles that were learned each by itself may cross
            low[series.horizon :] = high[series.horizon :] = np.nan
        ends = (series.quantiles[0], series.quantiles[-1]) if low is not None else ()
        return Forecast(
            series.columns,
            self._history(len(told)),
            told[..., told.shape[-1] // 2],
            low,
            high,
            self.position,
            self.branch,
            interval=ends,
        )

    def check_steps(self, steps: int | None = None) -> int:
        """How many steps are meant; None: as many as the model gives at once. UsageError when it cannot look so far ahead."""
        series = self._series()
        steps = series.horizon if steps is None else steps
        most = series.horizon if series.horizon > 1 else MOST_STEPS
        if not 1 <= steps <= most:
            near = max(1, min(steps, most))
            reason = f"{self.model.name} looks 1 to {counted(most, 'step')} ahead, not {steps:,}"
            raise UsageError(reason, hint=f"/forecast {near}, or /set horizon {near}", code="horizon")
        return steps

    def take_window_remark(self) -> str:
        """The first time that fewer rows stand before a forecast than the model was made to look back on: what it does about it; else ""."""
        window = self.model.header.get("config", {}).get("window", 0)
        if self._has_told_window or type(window) is not int or self.position >= window:
            return ""
        self._has_told_window = True
        known = f"{self.model.name} looks back {window:,} steps and knows {self.position:,}"
        return f"{known}: it takes those before the first to be like it, and forecasts better with more"

    def rewind_to(self, text: str) -> Moved:
        """Go back to just after the last occurrence of a text, or, in a series, of some values. UsageError when there is none."""
        if self.model.task is not Task.FORECAST:
            return super().rewind_to(text)
        wanted, ids = self._encoded(text, "error"), self.live.timeline.ids_to(self.here.node)
        if not wanted:
            raise UsageError("name the values to go back to")
        for end in range(len(ids), len(wanted) - 1, -1):
            if ids[end - len(wanted) : end] == wanted:
                return self.rewind(end)
        raise UsageError(f"{text.strip()!r:.80} does not stand in the series of this branch", code="not_found")

    # Inside

    @property
    def _values(self) -> Values:
        return cast(Values, self.model.tokenizer)

    def _series(self) -> Series:
        if self.model.series is None:
            raise UsageError(f"{self.model.name} does not forecast; /models tells which models do")
        return self.model.series

    def _outputs(self, steps: int) -> NDArray[Any]:
        """Normalised quantiles [steps, F, Q] from the live state on."""
        horizon, middle = self._series().horizon, max(1, len(self._series().quantiles)) // 2
        outputs, state = self.live.outputs(), self.here.state  # [K, F, Q]
        found = [outputs[:steps]]
        for _ in range(horizon, steps):
            if self.live.interrupted:
                break
            rows, state = self.live.reader.step(found[-1][-1:, :, middle], state)
            found.append(rows[0])
        return np.concatenate(found)

    def _history(self, steps: int) -> NDArray[np.float64]:
        """The rows observed last [M, F]."""
        start = max(0, self.position - max(HISTORY, HISTORY_PER_STEP * steps))
        return self._values.rows(self.live.timeline.ids_to(self.here.node, start))

    def _advice(self) -> str:
        """What to type, with the first values of the checkpoint's example."""
        series = self._series()
        rows = [" ".join(map(as_text, row)) for row in series.example[: max(1, SHOWN // len(series.columns))]]
        such = f", such as {' '.join(rows)}" if rows else ""
        each = f", {len(series.columns)} for each step ({', '.join(series.columns)})" if len(series.columns) > 1 else ""
        return f"write values apart by spaces or commas{each}, oldest first{such}"

    def _way_to_begin(self) -> str:
        """A command that observes something."""
        series = self._series()
        told = counted(len(series.example), "row" if len(series.columns) > 1 else "value")
        return f"/forecast --example begins with the {told} of the model's example" if series.example else ""

    def _encoded(self, text: str, unknown: str, tokenizer: Tokenizer | None = None) -> list[int]:
        if self.model.task is not Task.FORECAST:
            return super()._encoded(text, unknown, tokenizer)
        try:
            return self._values.encode(text)
        except VocabularyError as error:  # nothing of a series can be left out, whatever `unknown` says
            raise VocabularyError(
                error.message, text=error.text, positions=error.positions, hint=self._advice()
            ) from None

    def _plan(
        self,
        max_tokens: int | None,
        stop: str | Sequence[str],
        strategy: Strategy | str | None,
        settings: Mapping[str, Any],
    ) -> Plan:
        if self.model.task is Task.FORECAST:
            raise UsageError(f"{self.model.name} forecasts numbers and writes no text; write values, or /forecast")
        return super()._plan(max_tokens, stop, strategy, settings)

    def _must_tell_tokens(self) -> None:
        super()._must_tell_tokens()
        if self.model.task is Task.FORECAST:
            raise UsageError(
                f"{self.model.name} forecasts numbers and knows no likeliest tokens; /forecast shows what may come next"
            )
