"""The events of a script as JSON Lines: one object a line on stdout, the same bytes for the same lines, model and seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TextIO

from seqshell.cli.plain_text import tell
from seqshell.core.events import (
    Data,
    Event,
    Finished,
    Forecast,
    Label,
    LineFinished,
    LineStarted,
    ModelOpened,
    Moved,
    Notice,
    Picture,
    Progress,
    Quit,
    SettingChanged,
    Table,
    Text,
    Token,
    Translation,
)
from seqshell.core.json_values import tidy
from seqshell.core.model import Task
from seqshell.core.sanitize import safe
from seqshell.core.text_output import ResultText, forecast_values
from seqshell.shell.failures import Fault


class JsonLines:
    """Writes a session object, then for each line its results or an error, and an end object.

    stream: a token object for each token too; its log-probability, rank and entropy are computed only then.
    """

    def __init__(self, out: TextIO, err: TextIO, *, stream: bool = False) -> None:
        self._out = out
        self._err = err
        self._stream = stream
        self._number: int | None = None
        self._file: str | None = None
        self._input: str | None = None
        self._running: list[LineStarted] = []  # the line and, inside it, the lines that it runs
        self._op = ""
        self._heard = False
        self._forget()

    def start(self, about: Mapping[str, Any]) -> None:
        """The session began; `about` holds the fields of its object."""
        self._put({"v": 1, "type": "session", **about})

    def begin(self, number: int, line: str, message: str | None, file: str | None) -> None:
        """A line is going to be run. message: its text, if it is a message. file: its source, where there are several."""
        self._number, self._file, self._input = number, file, message
        self._running.clear()
        self._forget()

    def event(self, event: Event) -> None:
        """Take in the next event of the line. A line of a script that it runs has a result if it had any event."""
        if isinstance(event, LineStarted):
            self._running.append(event)
            self._op = event.op
            return
        if isinstance(event, LineFinished):
            self._running.pop()
            if (self._heard or not self._running) and not event.failed:
                self._settle(self._op)
            self._op = self._running[-1].op if self._running else ""
            return
        self._heard = True
        if isinstance(event, Token):
            self._shown.add(event)
            if self._stream:
                self._put(
                    {
                        "type": "token",
                        **self._place(),
                        "pos": event.position,
                        "id": event.id,
                        "text": event.text,
                        **measures(event),
                    }
                )
        elif isinstance(event, Finished):
            self._shown.forget_tokens()
            if isinstance(event, Translation):
                self._result(Task.TRANSLATE, _translation(event))
            else:
                self._result(Task.GENERATE, _answer(event, self._input))
        elif isinstance(event, Label):
            self._result(Task.CLASSIFY, _label(event))
        elif isinstance(event, Forecast):
            self._result(Task.FORECAST, forecast_values(event))
        elif isinstance(event, Data):
            self._values.update(event.values)
            self._op = event.op or self._op
        elif isinstance(event, SettingChanged):
            self._values.update(name=event.name, value=event.value, was=event.was)
        elif isinstance(event, Moved):
            self._values.update(pos=event.position, was=event.was, branch=event.branch, tail=event.tail)
        elif isinstance(event, Notice):
            tell(self._err, event.text)
        elif isinstance(event, ModelOpened):
            self._shown.add(Text(event.title))
        elif not isinstance(event, Progress | Quit):
            if isinstance(event, Table):
                self._drawn.append({"title": event.title, "columns": event.columns, "rows": event.rows})
            elif isinstance(event, Picture):
                self._drawn.append({"array": event.array, "labels": event.labels})
            self._shown.add(event)

    def empty(self, task: str) -> None:
        """The result for an empty message, where lines go one to one."""
        self._result(task, {"input": "", "text": ""})

    def _settle(self, op: str) -> None:
        """Write the result of a line, unless every answer was one already."""
        if self._values:
            self._result(op, self._values)
        elif self._shown.text is not None or not self._results:
            message = {"input": self._input} if self._input is not None else {}
            drawn = {"data": self._drawn} if self._drawn else {}
            self._result(op, {**message, "text": self._shown.text or "", **drawn})
        self._forget()

    def failed(self, where: str, op: str, number: int | None, fault: Fault) -> None:
        """A line failed, or, without a number, the start did."""
        self._forget()
        named = {"op": op} if op else {}
        place = {**self._place(), "line": number} if number is not None else {}
        self._put({"type": "error", **place, **named, "code": fault.code, "message": fault.message, "hint": fault.hint})
        tell(self._err, ": ".join(filter(None, (where, op if op.startswith("/") else "", fault.line))))

    def finish(self, lines: int, failed: int, exit_code: int) -> None:
        """All lines are done."""
        self._put({"type": "end", "lines": lines, "ok": lines - failed, "failed": failed, "exit": exit_code})

    def _result(self, op: str, values: Mapping[str, Any]) -> None:
        self._results += 1
        self._put({"type": "result", **self._place(), "op": op, **values})

    def _place(self) -> dict[str, Any]:
        return {"line": self._number} if self._file is None else {"file": self._file, "line": self._number}

    def _forget(self) -> None:
        self._shown = ResultText()
        self._drawn: list[dict[str, Any]] = []
        self._values: dict[str, Any] = {}
        self._results = 0
        self._heard = False

    def _put(self, values: Mapping[str, Any]) -> None:
        self._out.write(one_line(values) + "\n")
        self._out.flush()


def _answer(event: Finished, message: str | None) -> dict[str, Any]:
    """The fields of any answer of tokens."""
    found: dict[str, Any] = {} if message is None else {"input": message}
    found |= {"text": event.answer, "n": event.num_tokens, "stop": event.stop, "logprob": event.log_prob}
    found |= {"pos": (event.start, event.end), "branch": event.branch}
    return found if event.candidate is None else {**found, "candidate": event.candidate}


def _translation(event: Translation) -> dict[str, Any]:
    """The fields of an answer of TRANSLATE; its source is its input. The first of nbest is the answer itself."""
    item = {} if event.item is None else {"item": event.item}
    found = [{"text": best.text, "score": best.score, "logprob": best.log_prob} for best in event.candidates]
    only = {"text": event.answer, "score": event.log_prob, "logprob": event.log_prob}
    told = _answer(event, event.source)
    if event.item is not None:  # moves no session, so it has no place there
        del told["pos"], told["branch"]
    return {**item, **told, "nbest": found or ([only] if event.answer else [])}


def _label(event: Label) -> dict[str, Any]:
    """The fields of an answer of CLASSIFY; its text is its input."""
    item = {} if event.item is None else {"item": event.item}
    why = {"explain": [{"text": token, "moved": moved} for token, moved in event.moved]} if event.moved else {}
    cut = {"left_out": event.left_out[0]} if event.left_out else {}
    return {**item, "input": event.text, "label": event.answer, "probs": dict(event.probs), **cut, **why}


def measures(token: Token) -> dict[str, float | int | None]:
    """A token's log-probability in nats and rank, and the entropy of where it was drawn from: the model's, before the chain."""
    if token.outputs is None or token.id < 0:
        return {"logprob": None, "rank": None, "entropy": None}
    from seqshell.decoding.probabilities import entropy, log_probs, rank

    return {
        "logprob": float(log_probs(token.outputs)[token.id]),
        "rank": rank(token.outputs, token.id),
        "entropy": entropy(token.outputs),
    }


def one_line(values: Mapping[str, Any]) -> str:
    """The JSON text of an object, in which whatever could steer a terminal is an escape."""
    text = json.dumps(tidy(values), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if safe(text) == text:
        return text
    return "".join(character if safe(character) == character else json.dumps(character)[1:-1] for character in text)
