"""Output of `train`, `evaluate` and `compare`: progress and notes on stderr, results and JSON on stdout."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from seqshell.cli.result_output import print_result
from seqshell.core.capture import terminal_of
from seqshell.core.events import Event, HookOutput, LossCurves, Notice, Progress
from seqshell.core.json_values import one_line
from seqshell.core.sanitize import safe

if TYPE_CHECKING:
    from seqshell.cli.terminal_progress import TerminalProgress

EVERY = 5.0  # percent of progress per line, where stderr is not a terminal

Result = TypeVar("Result")


def show(events: Iterable[Event], results: TextIO) -> None:
    """Print results to `results`, and progress and notes to stderr, drawn in place if it is a terminal."""
    shown = _progress_on(terminal_of(sys.stderr))
    for event in _results(shown, (event.event if isinstance(event, HookOutput) else event for event in events)):
        if not (isinstance(event, LossCurves) and terminal_of(results).isatty() and shown.take_left_curve()):
            print_result(event, results)


def results_of(events: Iterable[Result | Progress | Notice]) -> Iterator[Result]:
    """Show progress and notes on stderr and yield everything else.

    The progress is removed before the first result.
    """
    return _results(_progress_on(terminal_of(sys.stderr)), events)


def _progress_on(stream: TextIO) -> ProgressLines | TerminalProgress:
    if not stream.isatty():
        return ProgressLines(stream)
    from seqshell.cli.terminal_progress import TerminalProgress

    return TerminalProgress(stream)


def _results(shown: ProgressLines | TerminalProgress, events: Iterable[Result | Progress | Notice]) -> Iterator[Result]:
    iterator = iter(events)
    with shown.shown():
        for event in iterator:
            if isinstance(event, Progress):
                shown.progress(event)
            elif isinstance(event, Notice):
                shown.note(event.text)
            else:
                break
        else:
            return
    yield event
    for event in iterator:
        if isinstance(event, Notice):
            print_result(event.text, sys.stderr)
        elif not isinstance(event, Progress):
            yield event


class ProgressLines:
    """Prints some lines of progress, and all notes, where there is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._percent = -math.inf  # that was printed

    def shown(self) -> AbstractContextManager[None]:
        """The block in which there is progress."""
        return nullcontext()

    def progress(self, event: Progress) -> None:
        """Print a line if there is enough progress since the last one."""
        percent = 100 * event.done / max(1, event.total)
        if percent < self._percent:  # other work has begun
            self._percent = -math.inf
        if percent - self._percent >= EVERY or event.done == event.total:
            self._percent = percent
            self.note(f"{event.description}: {percent:.0f} %, {event.text}")

    def note(self, text: str) -> None:
        """Print a note."""
        print(safe(text), file=self._stream, flush=True)

    def take_left_curve(self) -> bool:
        """There is none."""
        return False


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object to stdout."""
    print(one_line(values))
