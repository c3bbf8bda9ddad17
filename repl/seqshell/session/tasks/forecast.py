"""FORECAST: a message is numbers, which are appended to the series, and the answer is a forecast of the next ones.

Values are fed like tokens. A forecast is computed from the current state; it moves and commits nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Event, Forecast, Notice
from seqshell.core.json_values import unquoted
from seqshell.core.limits import MAX_STEPS
from seqshell.core.model import Model, Series
from seqshell.core.number_text import Row, as_rows, read_rows
from seqshell.core.row_times import RowTimes, read_times
from seqshell.core.series_text import name_of, read_series_table
from seqshell.core.series_tokenizer import Values
from seqshell.core.text_files import read_file
from seqshell.core.text_output import counted, exact
from seqshell.core.tokenizers import Tokenizer
from seqshell.session import inspection
from seqshell.session.given import StateRecord
from seqshell.session.state_record import record_at
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.forecast_times import add_times, times_of
from seqshell.session.tasks.refusals import SettingValues
from seqshell.session.tasks.value_decoder import ValueDecoder

MIN_HISTORY = 48  # rows before a forecast, if that many were observed
HISTORY_PER_STEP = 3
TAIL_ROWS = 8  # shown after moving
EXAMPLE_VALUES = 6  # in a message


@dataclass(frozen=True)
class _Observed:
    """What a text has: the ids of its rows, their times if they are regular, and notes about a table."""

    ids: list[int]
    times: RowTimes | None = None
    notes: tuple[str, ...] = ()


class ForecastBehaviour(TaskBehaviour):
    """A model that forecasts a series of numbers."""

    does = "forecasts numbers"
    advice = "write values, or use /forecast"
    allows_impossible = False
    output_noun = "values"
    _has_noted_window = False

    @classmethod
    def prepared(cls, model: Model) -> Model:
        """The model with a table of values of its own: its ids are rows of numbers that this session has seen.

        Where the model was trained on several series, rows have the scale of the first one before others are read.
        """
        series = _series(model)
        scale = (*series.mean, *series.std) if series.scales else ()
        return replace(model, tokenizer=Values(series.columns, scale))

    @classmethod
    def decoder(cls, model: Model) -> Decoder:
        """A decoder that looks up the values of ids."""
        return ValueDecoder(model.decoder, cast(Values, model.tokenizer), _series(model))

    def answer(self, text: str, settings: SettingValues) -> Iterator[Event]:
        """Observe the values of the message, or of the file named by @FILE, then forecast `horizon` steps.

        Yields Forecast, and perhaps a Notice. If UsageError or VocabularyError is raised, nothing has changed.
        """
        steps = self.check_steps(settings.get("horizon"))
        if not text.strip():
            raise UsageError("a blank line has no values; use /forecast to forecast without new ones")
        is_file, start = text.lstrip().startswith("@"), self.cursor.position
        found = self._read_file(text.strip()[1:]) if is_file else self._read(text)

        def then() -> Iterator[Event]:
            yield from self._noted(start, found)
            yield from self._forecast_events(steps)

        yield from self.read(found.ids, then)

    def read_whole(
        self, text: str, unknown: str, then: Callable[[int], Iterator[Event]], *, anew: bool = False
    ) -> Iterator[Event]:
        """Read values, or a table, whose times are remembered. then: is called with the number of rows."""
        start, found = 0 if anew else self.cursor.position, self._read(text)

        def noted() -> Iterator[Event]:
            yield from self._noted(start, found)
            yield from then(len(found.ids))

        return self.read(found.ids, noted, anew=anew)

    def continue_answer(self, settings: SettingValues, number: int | None = None) -> Iterator[Event]:
        """Forecast `number` steps (None: horizon) from what was observed."""
        yield from self._forecast_events(self.check_steps(settings.get("horizon") if number is None else number))

    def observe(self, values: Any) -> int:
        """Read values, oldest first: a text, or numbers [M] or [M, F]; returns the number of rows.

        VocabularyError or UsageError if they are not rows of numbers; nothing has changed then.
        """
        is_text = isinstance(values, str)
        return self.navigator.feed(
            self.encode(values) if is_text else self._values.add(as_rows(values, self._series.columns), self._scale())
        )

    def observe_file(self, name: str, read_stdin: Callable[[], str] | None = None, series: str = "") -> tuple[str, ...]:
        """Observe the values of a file: rows of numbers, or a table with named columns. Returns notes about the table.

        series: which of several to read; "" for the last. UsageError and VocabularyError name the file, the line and
        the column. An interrupt is an error, too; nothing has changed then.
        """
        start, found = self.cursor.position, self._read_file(name, read_stdin, series)
        self.navigator.feed_whole(found.ids)
        add_times(self.cursor, start, found.times)
        return found.notes

    def observe_example(self) -> int:
        """Observe the example of the checkpoint. Returns the number of rows. UsageError if it has none."""
        series, start = self._series, self.cursor.position
        if not series.example:
            raise UsageError(f"{self.model.name} has no example; write numbers instead")
        number = self.navigator.feed(self._values.add(as_rows(series.example, series.columns)))
        add_times(self.cursor, start, read_times(series.time_column, series.example_times))
        return number

    def _read_file(self, name: str, read_stdin: Callable[[], str] | None = None, series: str = "") -> _Observed:
        """The rows of a file."""
        name = unquoted(name) or name
        text = read_file(name, read_stdin)
        if not text.strip():
            raise UsageError(f"{name} is empty: it has no values")
        try:
            return self._read(text, series)
        except VocabularyError as error:
            message = f"{name}: {error.message}"
            raise VocabularyError(message, text=error.text, positions=error.positions, hint=error.hint) from None
        except UsageError as error:
            raise UsageError(f"{name}: {error.message}", hint=error.hint) from None

    def _read(self, text: str, series: str = "") -> _Observed:
        """The rows of values or of a table, with the scale of their series. series: which of several to read."""
        try:
            table = read_series_table(text, self._series, series)
            rows = read_rows(text, self._series.columns) if table is None else []
        except VocabularyError as error:
            message, hint = error.message, self._advice()
            raise VocabularyError(message, text=error.text, positions=error.positions, hint=hint) from None
        if table is None:
            return _Observed(self._values.add(rows, self._scale()))
        return _Observed(self._values.add(table.rows, table.scale), table.times, table.notes)

    def _noted(self, start: int, found: _Observed) -> Iterator[Event]:
        """Remember the times of what was read from a position on; yields the notes about it."""
        add_times(self.cursor, start, found.times)
        yield from map(Notice, found.notes)

    def forecast(self, steps: int | None = None) -> Forecast:
        """The next `steps` rows, by default as many as the model gives at once; the state is kept.

        A model that gives one step at a time reads its own forecasts as if they were certain, so low and high are NaN
        from the second step on. UsageError if nothing was observed yet, or for too many steps. An interrupt leaves the
        steps that are done.
        """
        series = self._series
        steps = self.check_steps(steps)
        if self.cursor.is_new:
            message = f"{self.model.name} has observed nothing yet; {self._advice()}"
            raise UsageError(message, hint=self._example_hint(), code="empty_series")
        self.navigator.forget_interrupt()
        outputs = self._outputs(steps)
        self.navigator.end_turn()
        scale = np.array(self._scale() or (*series.mean, *series.std)).reshape(2, -1, 1)  # [2, F, 1]
        quantiles = outputs.astype(np.float64) * scale[1] + scale[0]  # [N, F, Q]
        low = high = None
        if quantiles.shape[-1] > 1:
            low, high = quantiles.min(-1), quantiles.max(-1)  # quantiles are trained one by one and may cross
            low[series.horizon :] = high[series.horizon :] = np.nan
        history, middle = self._history(len(quantiles)), quantiles[..., quantiles.shape[-1] // 2]
        interval = (series.quantiles[0], series.quantiles[-1]) if low is not None else ()
        position, branch = self.cursor.position, self.navigator.branch
        times, time_column = times_of(self.cursor, position - len(history), position + len(middle))
        name = name_of(series, self._scale())
        return Forecast(
            series.columns, history, middle, low, high, position, branch, interval, times, time_column, name
        )

    def check_steps(self, steps: int | None = None) -> int:
        """The number of steps of a forecast; None: as many as the model gives at once.

        UsageError if it cannot give as many.
        """
        series = self._series
        steps = series.horizon if steps is None else steps
        most = series.horizon if series.horizon > 1 else MAX_STEPS
        if not 1 <= steps <= most:
            near = max(1, min(steps, most))
            message = f"{self.model.name} forecasts 1 to {counted(most, 'step')}, not {steps:,}"
            raise UsageError(message, hint=f"/forecast {near}, or /set horizon {near}", code="horizon")
        return steps

    def record(self, node: int, name: str) -> StateRecord:
        """The state at a node, with the scale of its series. name: what to call it."""
        return record_at(self.cursor, node, name, self._scale(node))

    def require_feeding(self) -> None:
        """Values can be read without forecasting."""

    def encode(self, text: str, unknown: str = "error", tokenizer: Tokenizer | None = None) -> list[int]:
        """The ids of values. Nothing can be left out of a series, whatever `unknown` says."""
        return self._read(text).ids

    def tail(self) -> str:
        """The last values."""
        return inspection.last_lines(self.cursor, self.cursor.here.node, self.drops_separator, TAIL_ROWS)

    def size(self, ids: Sequence[int]) -> tuple[str, str]:
        """The number of rows."""
        return f"{len(ids):,}", "values" if len(self._series.columns) == 1 else "rows"

    def unknown(self, text: str, tokenizer: Tokenizer | None = None) -> tuple[str, ...]:
        """Nothing: a text that is not a number is an error."""
        return ()

    def rewind_target(self, text: str) -> int:
        """The position just after the last occurrence of some values. UsageError if there is none."""
        target, ids = self.encode(text), self.cursor.timeline.ids_to(self.cursor.here.node)
        if not target:
            raise UsageError("name the values to go back to")
        for end in range(len(ids), len(target) - 1, -1):
            if ids[end - len(target) : end] == target:
                return end
        raise UsageError(f"{text.strip()!r:.80} is not in this branch's series", code="not_found")

    # Inside
    @property
    def _values(self) -> Values:
        return cast(Values, self.model.tokenizer)

    @property
    def _series(self) -> Series:
        return _series(self.model)

    def _scale(self, node: int | None = None) -> Row:
        """The mean and std [2F] of the series that was read last at a node, if there are several."""
        values, timeline, node = self._values, self.cursor.timeline, self.cursor.here.node if node is None else node
        if not (values.scale and (position := timeline.depth(node))):
            given = timeline.given(node)
            return (given.scale if given else ()) or values.scale
        scales = values.scales(timeline.ids_to(node, position - 1)[-1])
        assert scales is not None  # rows have scales, as `values.scale` says
        return (*scales[0].tolist(), *scales[1].tolist())

    def _forecast_events(self, steps: int) -> Iterator[Event]:
        """The forecast, and once per session a note if fewer values were observed than the model uses."""
        yield self.forecast(steps)
        config = self.model.header.get("config", {})
        window = max([0, *(config[key] for key in ("window", "linear_window") if type(config.get(key)) is int)])
        if not self._has_noted_window and (number := self.cursor.num_read) < window:
            self._has_noted_window = True
            has = f"the last {window:,} values and has only {number:,}"
            yield Notice(f"{self.model.name} uses {has}; the missing ones are filled with the first")

    def _outputs(self, steps: int) -> NDArray[Any]:
        """Normalised quantiles [steps, F, Q] from the current state on.

        A model with a horizon of one step is stepped on the median of its own forecasts. An interrupt leaves the steps
        that are done.
        """
        horizon, middle = self._series.horizon, max(1, len(self._series.quantiles)) // 2
        outputs, state = self.cursor.outputs(), self.cursor.here.state  # [K, F, Q]
        found = [outputs[:steps]]
        for _ in range(horizon, steps):
            if self.cursor.interrupted:
                break
            rows, state = self.cursor.decoder.step(found[-1][-1:, :, middle], state)
            found.append(rows[0])
        return np.concatenate(found)

    def _history(self, steps: int) -> NDArray[np.float64]:
        """The rows that were observed last [M, F]."""
        start = max(0, self.cursor.position - max(MIN_HISTORY, HISTORY_PER_STEP * steps))
        return self._values.rows(self.cursor.timeline.ids_to(self.cursor.here.node, start))

    def _advice(self) -> str:
        """What to type, with the first values of the checkpoint's example."""
        series = self._series
        rows = [" ".join(map(exact, row)) for row in series.example[: max(1, EXAMPLE_VALUES // len(series.columns))]]
        example = f", such as {' '.join(rows)}" if rows else ""
        each = f", {len(series.columns)} for each step ({', '.join(series.columns)})" if len(series.columns) > 1 else ""
        return f"write values separated by spaces or commas{each}, oldest first{example}"

    def _example_hint(self) -> str:
        """A command that observes the model's example, if it has one."""
        series = self._series
        size = counted(len(series.example), "row" if len(series.columns) > 1 else "value")
        return f"/forecast --example begins with the {size} of the model's example" if series.example else ""


def _series(model: Model) -> Series:
    assert model.series is not None  # every model for FORECAST has one
    return model.series
