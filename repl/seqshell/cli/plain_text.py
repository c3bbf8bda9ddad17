"""Plain output of scripts: results on stdout, everything else on stderr.

A pipe or a file gets the results as they are; on a terminal, control characters are made visible. Diagnostics are for
people, so in them control characters are always visible.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TextIO

from seqshell.core.events import Answer, Event, Finished, HookOutput, LineFinished, LineStarted, Notice, Progress, Token
from seqshell.core.sanitize import safe
from seqshell.core.tasks import TASKS
from seqshell.core.text_output import in_one_line
from seqshell.shell.failures import Fault

FLUSH_AFTER = 0.02  # seconds
PARTS = 10  # lines on stderr for the progress of long work


class PlainText:
    """Prints the events of one line after another. Raises BrokenPipeError when nobody reads stdout any more.

    one_to_one: a translation, a forecast or the most likely label is exactly one line, so that output matches input.
    """

    def __init__(self, out: TextIO, err: TextIO, *, echo: bool = False, one_to_one: bool = False) -> None:
        self._out = out
        self._err = err
        self._shown = safe if out.isatty() else str
        self._echo = echo
        self._one_to_one = one_to_one
        self._open = False  # whether stdout is inside a line
        self._printed_tokens = False  # of the answer that is being generated
        self._one_line = False  # whether the answer is one line, whatever the model writes
        self._flushed = 0.0
        self._part, self._progress_line = 0, ""

    def start(self, about: Mapping[str, Any]) -> None:
        """Start the session. Prints nothing."""

    def begin(self, number: int, line: str, message: str | None, file: str | None) -> None:
        """Start a line."""
        self._printed_tokens = False
        if self._echo:
            self._write(
                "".join(f"{'... ' if index else '>>> '}{part}\n" for index, part in enumerate(line.split("\n")))
            )

    def event(self, event: Event) -> None:
        """Print what is a result."""
        if isinstance(event, LineStarted):
            self._one_line = any(
                task in TASKS and TASKS[task].one_line for task in (event.task, event.op.removeprefix("/"))
            )
        elif isinstance(event, LineFinished):
            self._settle()
        elif isinstance(event, Token):
            self._token(event)
        elif isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, Notice):
            print_diagnostic(self._err, event.text)
        elif isinstance(event, HookOutput) and (self._one_to_one or isinstance(event.event, Notice)):
            print_diagnostic(self._err, event.as_text() or "")
        elif isinstance(event, Finished):
            self._finish(event)
        else:
            text = event.as_line() if self._one_to_one and isinstance(event, Answer) else event.as_text()
            if text is not None:
                self._end_line()
                self._write(text)
                self._end_line(always=not text)

    def _token(self, event: Token) -> None:
        self._write(in_one_line(event.text) if self._one_line else event.text)
        self._printed_tokens = True
        if (now := time.monotonic()) - self._flushed > FLUSH_AFTER:
            self._flushed = now
            self._out.flush()

    def _finish(self, event: Finished) -> None:
        """End an answer; if its tokens were not printed, print it."""
        if not self._printed_tokens:
            self._write(event.as_line())
        self._end_line(always=not event.answer)
        self._printed_tokens = False
        if not self._one_to_one:
            self._write("".join(f"{line}\n" for line in event.lines_after_tokens()))

    def _settle(self) -> None:
        self._end_line()
        self._out.flush()

    def empty(self, task: str) -> None:
        """Print an empty line for an empty message, or for one that failed."""
        self._write("\n")
        self._out.flush()

    def failed(self, where: str, op: str, number: int | None, fault: Fault) -> None:
        """Report that a line failed, after what was printed of its answer."""
        self._settle()
        print_diagnostic(self._err, ": ".join(filter(None, (where, op if op.startswith("/") else "", fault.line))))

    def finish(self, lines: int, failed: int, exit_code: int) -> None:
        """End the session."""
        self._settle()

    def _write(self, text: str) -> None:
        if text:
            self._out.write(self._shown(text))
            self._open = not text.endswith("\n")

    def _end_line(self, *, always: bool = False) -> None:
        if self._open or always:
            self._write("\n")

    def _progress(self, event: Progress) -> None:
        part = event.done * PARTS // event.total if event.total else 0
        line = event.as_line()
        if (part != self._part or event.done == event.total) and line != self._progress_line:
            self._part, self._progress_line = part, line
            print_diagnostic(self._err, line)


def print_diagnostic(err: TextIO, text: str) -> None:
    """Write one line of diagnostics to stderr, which may be closed."""
    try:
        err.write(f"seqshell: {safe(text).rstrip()}\n")
        err.flush()
    except (OSError, ValueError):
        pass
