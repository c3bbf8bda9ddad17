"""Output of scripts as JSON Lines on stdout: the same lines, model and seed give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TextIO

from seqshell.cli.plain_text import print_diagnostic
from seqshell.core.events import Answer, Data, Event, HookOutput, LineFinished, LineStarted, Notice, ResultText, Token
from seqshell.core.json_values import one_line
from seqshell.core.units import in_both
from seqshell.shell.failures import Fault


class JsonLines:
    """Writes a session object, then for each line its results or an error, and an end object.

    stream: also a token object for each token, with its log-probability, rank and entropy.
    whole: a context in which each object is written, so that nothing cuts it. If it is cut after all, because nobody
    reads on, it is the last.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        *,
        stream: bool = False,
        whole: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._out = out
        self._err = err
        self._stream = stream
        self._whole = whole
        self._is_cut = False  # whether only a part of an object was written
        self._number: int | None = None
        self._file: str | None = None
        self._input: str | None = None
        self._running: list[LineStarted] = []  # the line and, inside it, the lines that it runs
        self._op = ""
        self._heard = False  # whether the line had an event
        self._shown_by_hooks: list[HookOutput] = []  # after the results of the line
        self._forget()

    def start(self, about: Mapping[str, Any]) -> None:
        """Start the session; `about` holds the fields of its object."""
        self._put({"v": 1, "type": "session", **about})

    def begin(self, number: int, line: str, message: str | None, file: str | None) -> None:
        """Start a line. message: its text, if it is a message. file: its source, if there are several."""
        self._number, self._file, self._input = number, file, message
        self._running.clear()
        self._forget()

    def event(self, event: Event) -> None:
        """Take in the next event of the line. A line that a script runs has a result if it had any event."""
        if isinstance(event, LineStarted):
            self._running.append(event)
            self._op = event.op
        elif isinstance(event, LineFinished):
            self._running.pop()
            if (self._heard or not self._running) and not event.failed:
                self._settle()
            while self._shown_by_hooks:
                self._put({"type": "hook", **self._place(), **self._shown_by_hooks.pop(0).as_json()})
            self._op = self._running[-1].op if self._running else ""
        elif isinstance(event, HookOutput):
            if isinstance(event.event, Notice):
                print_diagnostic(self._err, event.event.text)
            else:
                self._shown_by_hooks.append(event)
        else:
            self._heard = True
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, Notice):
            print_diagnostic(self._err, event.text)
        elif isinstance(event, Answer):
            self._text.forget_tokens()
            message = {"input": self._input} if event.repeats_input and self._input is not None else {}
            self._result(event.op, {**message, **event.as_json()})
        elif isinstance(event, Token):
            self._text.add(event)
            if self._stream:
                self._put({"type": "token", **self._place(), **event.as_json(), **measures(event)})
        else:
            self._text.add(event)
            if event.in_data:
                self._data.append(event.as_json())
            else:
                self._fields.update(event.as_json())
            if isinstance(event, Data):
                self._op = event.op or self._op

    def empty(self, task: str) -> None:
        """Write the result of an empty message."""
        self._result(task, {"input": "", "text": ""})

    def _settle(self) -> None:
        """Write the result of a line, unless every answer was one already."""
        if self._fields:
            self._result(self._op, self._fields)
        elif self._text.text is not None or not self._results:
            message = {"input": self._input} if self._input is not None else {}
            data = {"data": self._data} if self._data else {}
            self._result(self._op, {**message, "text": self._text.text or "", **data})
        self._forget()

    def failed(self, where: str, op: str, number: int | None, fault: Fault) -> None:
        """Report that a line or, without a number, the start failed."""
        self._forget()
        operation = {"op": op} if op else {}
        place = {**self._place(), "line": number} if number is not None else {}
        self._put(
            {"type": "error", **place, **operation, "code": fault.code, "message": fault.message, "hint": fault.hint}
        )
        print_diagnostic(self._err, ": ".join(filter(None, (where, op if op.startswith("/") else "", fault.line))))

    def finish(self, lines: int, failed: int, exit_code: int) -> None:
        """End the session."""
        self._put({"type": "end", "lines": lines, "ok": lines - failed, "failed": failed, "exit": exit_code})

    def _result(self, op: str, values: Mapping[str, Any]) -> None:
        self._results += 1
        self._put({"type": "result", **self._place(), "op": op, **values})

    def _place(self) -> dict[str, Any]:
        return {"line": self._number} if self._file is None else {"file": self._file, "line": self._number}

    def _forget(self) -> None:
        self._text = ResultText(for_json=True)
        self._data: list[Mapping[str, Any]] = []
        self._fields: dict[str, Any] = {}
        self._results = 0
        self._heard = False

    def _put(self, values: Mapping[str, Any]) -> None:
        line = one_line(values) + "\n"
        if self._is_cut:
            return
        with self._whole():
            self._is_cut = True
            self._out.write(line)
            self._out.flush()
            self._is_cut = False


def measures(token: Token) -> dict[str, float | int | None]:
    """Log-probability and entropy in nats, rank, and surprisal and entropy in both units, before the chain."""
    if token.outputs is None or token.id < 0:
        missing = {**in_both("surprisal", None), **in_both("entropy", None)}
        return {"logprob": None, "rank": None, "entropy": None, **missing}
    from seqshell.decoding.probabilities import entropy, log_probs, rank

    log_prob, spread = float(log_probs(token.outputs)[token.id]), entropy(token.outputs)
    measured = {"logprob": log_prob, "rank": rank(token.outputs, token.id), "entropy": spread}
    return {**measured, **in_both("surprisal", -log_prob), **in_both("entropy", spread)}
