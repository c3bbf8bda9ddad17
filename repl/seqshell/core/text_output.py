"""What the events of a line are as plain text: what scripts print, and what /expect looks into. Terminals draw them in their own way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import singledispatch
from typing import Any

from seqshell.core import attention_labels
from seqshell.core.events import (
    Attention,
    Branches,
    Candidate,
    Event,
    Finished,
    Forecast,
    Label,
    Picture,
    Reach,
    Score,
    Table,
    Text,
    Token,
    Top,
    Translation,
)

LIKELY_LABEL = 0.01  # a label that is less likely is told in JSON alone


@singledispatch
def plain(event: Event) -> str | None:
    """The text of a result; None for an event that is no result, such as a move in time, a notice or progress."""
    return None


@plain.register
def _(event: Finished) -> str:
    return event.answer


@plain.register
def _(event: Translation) -> str:
    return "\n".join([in_one_line(event.answer), *numbered(event)])


@plain.register
def _(event: Label) -> str:
    why = [(repr(token), f"{moved:+.3f}") for token, moved in event.moved]
    if why and event.left_out:
        why.insert(event.left_out[1], ("...", f"{event.left_out[0]:,} not read"))
    why = [("token", "moved"), *why] if why else []
    return "\n".join([*(labels(event) or [""]), *_columns(why)])


@plain.register
def _(event: Forecast) -> str:
    return "\n".join(forecast_rows(event)) if len(event.columns) > 1 else " ".join(forecast_rows(event))


@plain.register
def _(event: Text) -> str:
    return event.text


@plain.register
def _(event: Table) -> str:
    title = [event.title] if event.title else []
    names = [event.columns] if any(event.columns) else []
    return "\n".join([*title, *_columns([*names, *event.rows])])


@plain.register
def _(event: Top) -> str:
    rows = [
        (repr(token.text), _probability(token.log_prob), _probability(token.chain_log_prob)) for token in event.tokens
    ]
    return "\n".join(_columns([("token", "model", "chain"), *rows]))


@plain.register
def _(event: Score) -> str:
    rows = [
        (
            repr(token.text),
            _probability(token.log_prob),
            f"{-token.log_prob:.3f}",
            token.rank,
            _likeliest(token.likeliest),
        )
        for token in event.tokens
    ]
    sums = f"{-event.log_prob:.3f} nats, {event.nats:.4f} a token, {event.bits_per_char:.4f} bits a character, perplexity {event.perplexity:.3f}"
    return "\n".join([*_columns([("token", "probability", "nats", "rank", "likeliest"), *rows]), sums])


@plain.register
def _(event: Reach) -> str:
    rows = [
        (len(event.tokens) - index, repr(text), float(f"{norm:.4g}")) for index, (text, norm) in enumerate(event.tokens)
    ]
    falls = "half-life none: they do not fall" if event.half_life is None else f"half-life {event.half_life:.4g} tokens"
    return "\n".join(
        [
            *_columns([("back", "token", "|d log p / d embedding|"), *rows]),
            f"of {event.answer!r}, log p {event.log_prob:.4f}; {falls}",
        ]
    )


@plain.register
def _(event: Branches) -> str:
    return "\n".join(
        _columns(
            [
                ("*" if item.current else " ", item.name, item.position, item.text.split("\n")[0][:60])
                for item in event.branches
            ]
        )
    )


@plain.register
def _(event: Picture) -> str:
    rows, columns = event.labels.get("rows", ()), event.labels.get("columns", ())
    values = [[f"{float(value):.3f}" for value in row] for row in event.array]
    named = [[*rows[index : index + 1], *row] for index, row in enumerate(values)]
    return "\n".join(_columns([[""] * bool(rows) + list(columns)] * bool(columns) + named))


@plain.register
def _(event: Attention) -> str:
    rows = [
        [name, *(f"{float(weight):.3f}" for weight in row)]
        for name, row in zip(attention_labels.labels(event.target), event.weights, strict=True)
    ]
    return "\n".join(_columns([["", *attention_labels.labels(event.source)], *rows]))


def labels(event: Label) -> list[str]:
    """The labels that are likely enough to be told, the likeliest first, one a line: label, tab, probability. None of a blank text."""
    told = [pair for rank, pair in enumerate(event.probs) if rank == 0 or pair[1] >= LIKELY_LABEL]
    return [f"{in_one_line(label)}\t{prob:.4f}" for label, prob in told]


def forecast_rows(event: Forecast) -> list[str]:
    """The values of each step, apart by spaces, as a message may hold them."""
    return [" ".join(f"{float(value):.6g}" for value in row) for row in event.values]


def forecast_values(event: Forecast) -> dict[str, Any]:
    """The fields of a forecast in JSON: a number for each step, or a row of them where the series has several columns; low and high are
    None where the model gives no interval."""

    values = {
        name: numbers_of(rows) for name, rows in (("values", event.values), ("low", event.low), ("high", event.high))
    }
    return {**values, "columns": list(event.columns), "pos": event.position, "branch": event.branch}


def numbers_of(rows: Any) -> list[Any] | None:
    """Rows of numbers for JSON: a number for each where there is one column; None for what is not known."""
    if rows is None:
        return None
    told = [[float(value) if math.isfinite(value) else None for value in row] for row in rows]
    return [row[0] if len(row) == 1 else row for row in told]


def in_one_line(text: str) -> str:
    """The text with spaces for its line breaks: a translation is one line, whatever the model wrote."""
    return text.replace("\r", " ").replace("\n", " ")


def numbered(event: Translation) -> list[str]:
    """The best translations where there are several, one a line: number, score, text."""
    return _columns(
        [(index, f"{best.score:.4f}", in_one_line(best.text)) for index, best in enumerate(several(event), 1)]
    )


def several(event: Translation) -> tuple[Candidate, ...]:
    """The candidates, where there is more than the answer and they are told with it: not in a file, where lines go one to one."""
    return event.candidates if len(event.candidates) > 1 and event.item is None else ()


class ResultText:
    """Collects the results among the events of one line as one text; tokens count unless a Finished tells them again."""

    def __init__(self) -> None:
        self._results: list[str] = []
        self._tokens: list[str] = []

    def add(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, Token):
            self._tokens.append(event.text)
        elif (text := plain(event)) is not None:
            if not isinstance(event, Finished):
                self._results += self._untold()
            self._tokens = []
            self._results.append(text)

    def forget_tokens(self) -> None:
        """Leave out the tokens since the last result, because they are told elsewhere."""
        self._tokens = []

    @property
    def text(self) -> str | None:
        """The results so far, each from a line of its own; None when there was none."""
        found = [*self._results, *self._untold()]
        return "\n".join(found) if found else None

    def _untold(self) -> list[str]:
        return ["".join(self._tokens)] if self._tokens else []


def cell(value: Any) -> str:
    """A value as it stands in a table."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _columns(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Rows as lines of columns, two spaces apart; numbers stand to the right."""
    texts = [[cell(value) for value in row] for row in rows]
    widths = [
        max(len(row[index]) for row in texts if index < len(row)) for index in range(max(map(len, texts), default=0))
    ]
    right = [
        all(isinstance(row[index], int | float) for row in rows[1:] if index < len(row)) and len(rows) > 1
        for index in range(len(widths))
    ]
    place = [str.rjust if to_right else str.ljust for to_right in right]
    return ["  ".join(place[index](text, widths[index]) for index, text in enumerate(row)).rstrip() for row in texts]


def _probability(log_prob: float) -> str:
    return f"{math.exp(log_prob):.4f}" if log_prob > -math.inf else "-"


def _likeliest(pairs: Iterable[tuple[str, float]]) -> str:
    return " ".join(f"{text!r} {_probability(log_prob)}" for text, log_prob in pairs)
