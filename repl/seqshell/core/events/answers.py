"""Answers of models: the tokens as they are generated, and the answer of each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import columns, in_one_line, rows_as_json

LIKELY_LABEL = 0.01  # less likely labels are only in JSON


@dataclass(frozen=True)
class Token(Event):
    """A token that was committed to the session.

    text: may be empty while a UTF-8 character or a stop text is incomplete.
    outputs: the logits [V] that it was drawn from, before the sampler chain; log-probability, rank and entropy are
        computed from them only when needed.
    piece: the bytes of the token, which may be a part of a character.
    """

    text: str
    id: int = -1
    position: int = -1
    outputs: Any = field(default=None, repr=False, compare=False)
    piece: bytes = field(default=b"", repr=False, compare=False)

    def as_json(self) -> Mapping[str, Any]:
        """The fields of the object in a stream of tokens; what is computed from `outputs` is added there."""
        return {"pos": self.position, "id": self.id, "text": self.text, "bytes": list(self.piece)}


@dataclass(frozen=True)
class Answer(Event):
    """The answer of a model.

    In JSON it is a result of its own, under `op`. repeats_input: with the message before it. unknown: the parts of the
    message that the model's vocabulary lacks.
    """

    op: ClassVar[str] = ""
    repeats_input: ClassVar[bool] = False
    unknown: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def is_of_file(self) -> bool:
        """Whether it is the answer to a line of a file, which moves no session."""
        return False

    def as_line(self) -> str:
        """The answer alone, as output with one line for each message has it."""
        return in_one_line(self.as_text() or "")

    def unknown_as_json(self) -> Mapping[str, Any]:
        """The field `unknown`, if there are unknown parts."""
        return {"unknown": list(self.unknown)} if self.unknown else {}


@dataclass(frozen=True)
class Finished(Answer):
    """The end of an answer of GENERATE.

    Positions [start, end) hold its tokens. log_prob: the model's, in nats, before the chain; it includes EOS if the
    answer ended with it.
    answer: the whole text. stop: length, eos, stop, plugin (ended by one), interrupt or error. candidate: its number
    from 1 if there are several. settings: those that hold for this answer alone, e.g. temperature=0.5.
    """

    op: ClassVar[str] = "generate"
    repeats_input: ClassVar[bool] = True
    text: ClassVar[str] = ""  # its tokens hold the text: the joined texts of the events of an answer are the answer
    answer: str
    num_tokens: int
    stop: str
    log_prob: float
    start: int
    end: int
    branch: str = "main"
    candidate: int | None = None
    settings: str = ""

    def as_json(self) -> Mapping[str, Any]:
        """The fields of an answer of tokens."""
        fields = {"text": self.answer, "n": self.num_tokens, "stop": self.stop, "logprob": self.log_prob}
        fields |= {"pos": (self.start, self.end), "branch": self.branch}
        fields |= {} if self.candidate is None else {"candidate": self.candidate}
        return {**fields, **self.unknown_as_json()}

    def as_text(self) -> str:
        """The answer, and what is printed after its tokens."""
        return "\n".join([self.as_line(), *self.lines_after_tokens()])

    def as_line(self) -> str:
        """The answer; a language model writes as many lines as it likes."""
        return self.answer

    def lines_after_tokens(self) -> list[str]:
        """What there is to print after the tokens."""
        return []


@dataclass(frozen=True)
class Candidate:
    """One of the best translations of a text. score: what the strategy ranks by; log_prob: the model's, in nats,
    including EOS.
    """

    text: str
    score: float
    log_prob: float


@dataclass(frozen=True)
class Translation(Finished):
    """The end of an answer of TRANSLATE. The tokens of a strategy that streams come before it, as Token events.

    source: the text that was translated. candidates: the requested number of results of a search, best first; the first
    is the answer. item: the number of the line, from 1, when a file is translated.
    """

    op: ClassVar[str] = "translate"
    repeats_input: ClassVar[bool] = False
    source: str = ""
    candidates: tuple[Candidate, ...] = ()
    item: int | None = None

    @property
    def is_of_file(self) -> bool:
        """Whether it is the answer to a line of a file."""
        return self.item is not None

    @property
    def alternatives(self) -> tuple[Candidate, ...]:
        """The candidates if there are several to show. A line of a file shows its answer alone."""
        return self.candidates if len(self.candidates) > 1 and self.item is None else ()

    def as_json(self) -> Mapping[str, Any]:
        """The fields of a translation; its source is the input. The first of nbest is the answer itself."""
        item = {} if self.item is None else {"item": self.item}
        best = [{"text": best.text, "score": best.score, "logprob": best.log_prob} for best in self.candidates]
        only = {"text": self.answer, "score": self.log_prob, "logprob": self.log_prob}
        place = ("pos", "branch") if self.is_of_file else ()
        answer = {name: value for name, value in super().as_json().items() if name not in place}
        return {**item, "input": self.source, **answer, "nbest": best or ([only] if self.answer else [])}

    def as_line(self) -> str:
        """The answer in one line, whatever the model wrote."""
        return in_one_line(self.answer)

    def lines_after_tokens(self) -> list[str]:
        """The alternatives, one a line: number, score, text."""
        return columns(
            [(index, f"{best.score:.4f}", in_one_line(best.text)) for index, best in enumerate(self.alternatives, 1)]
        )


@dataclass(frozen=True)
class Label(Answer):
    """The answer of CLASSIFY: the most likely label of a text.

    probs: the probability of each label, most likely first; they sum to 1.
    moved: each token of the text and how much it moved the log-odds of the answer, if an explanation was requested.
    item: the number of the line, from 1, when a file is classified. left_out: for a text that was cut, how many of its
        tokens were not read, and how many of those that were read come before them.
    """

    op: ClassVar[str] = "classify"
    text: str
    answer: str
    probs: tuple[tuple[str, float], ...]
    moved: tuple[tuple[str, float], ...] = ()
    start: int = 0
    end: int = 0
    branch: str = "main"
    item: int | None = None
    left_out: tuple[int, int] | None = None

    @property
    def is_of_file(self) -> bool:
        """Whether it is the answer to a line of a file."""
        return self.item is not None

    def as_json(self) -> Mapping[str, Any]:
        """The fields of a label; its text is the input."""
        item = {} if self.item is None else {"item": self.item}
        moved = {"explain": [{"text": token, "moved": by} for token, by in self.moved]} if self.moved else {}
        cut = {"left_out": self.left_out[0]} if self.left_out else {}
        answer = {"input": self.text, "label": self.answer, "probs": dict(self.probs)}
        return {**item, **answer, **self.unknown_as_json(), **cut, **moved}

    def as_rows(self) -> Rows:
        """One row for each label."""
        return [("label", "probability"), *self.probs]

    def as_text(self) -> str:
        """The likely labels, most likely first, one a line: label, tab, probability; then the explanation."""
        if self.is_of_file:
            return self.as_line()
        rows = [(repr(token), f"{by:+.3f}") for token, by in self.moved]
        if rows and self.left_out:
            rows.insert(self.left_out[1], ("...", f"{self.left_out[0]:,} not read"))
        rows = [("token", "moved"), *rows] if rows else []
        return "\n".join([*(self._likely() or [""]), *columns(rows)])

    def as_line(self) -> str:
        """The answer, a tab and its probability; empty for a blank text."""
        return "".join(self._likely()[:1])

    def _likely(self) -> list[str]:
        likely = [pair for rank, pair in enumerate(self.probs) if rank == 0 or pair[1] >= LIKELY_LABEL]
        return [f"{in_one_line(label)}\t{prob:.4f}" for label, prob in likely]


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

    def rows(self) -> list[str]:
        """The values of each step, separated by spaces, as a message may hold them."""
        return [" ".join(f"{float(value):.6g}" for value in row) for row in self.values]


def _numbers(rows: Any) -> list[list[float]]:
    return [[float(value) for value in row] for row in rows]
