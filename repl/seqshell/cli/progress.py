"""Output of `train`, `evaluate` and `compare`: progress and notes on stderr, results and JSON on stdout."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO, TypeVar

from seqshell.cli.result_output import print_result
from seqshell.core.capture import terminal_of
from seqshell.core.events import Event, HookOutput, Notice, Progress
from seqshell.core.json_values import one_line
from seqshell.core.sanitize import safe

EVERY = 5.0  # percent of progress per line, where stderr is not a terminal

Result = TypeVar("Result")


def show(events: Iterable[Event], results: TextIO) -> None:
    """Print results to `results`, and progress and notes to stderr, with a progress bar if it is a terminal."""
    for event in results_of(event.event if isinstance(event, HookOutput) else event for event in events):
        print_result(event, results)


def results_of(events: Iterable[Result | Progress | Notice]) -> Iterator[Result]:
    """Show progress and notes on stderr and yield everything else.

    The progress bar is removed before the first result.
    """
    iterator = iter(events)
    with _progress_shown() as (progress, note):
        for event in iterator:
            if isinstance(event, Progress):
                progress(event)
            elif isinstance(event, Notice):
                note(safe(event.text))
            else:
                break
        else:
            return
    yield event
    for event in iterator:
        if isinstance(event, Notice):
            print(safe(event.text), file=sys.stderr, flush=True)
        elif not isinstance(event, Progress):
            yield event


@contextmanager
def _progress_shown() -> Iterator[tuple[Callable[[Progress], None], Callable[[str], None]]]:
    """Provide the functions that show progress and notes on stderr."""
    terminal = terminal_of(sys.stderr)
    if not terminal.isatty():
        printed = [-math.inf]

        def show_line(event: Progress) -> None:
            percent = 100 * event.done / max(1, event.total)
            if percent < printed[0]:  # other work has begun
                printed[0] = -math.inf
            if percent - printed[0] >= EVERY or event.done == event.total:
                printed[0] = percent
                print(safe(f"{event.description}: {percent:.0f} %, {event.text}"), file=sys.stderr, flush=True)

        yield show_line, lambda text: print(text, file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    from seqshell.terminal.printer import printer_on
    from seqshell.terminal.progress_bar import columns

    style = printer_on(terminal).rich_style
    console = Console(file=terminal, markup=False, highlight=False)
    with Bar(*columns(style, console.width), console=console, transient=True) as bar:
        task = bar.add_task("", total=None, note="", visible=False)
        yield (
            lambda event: bar.update(
                task,
                visible=True,
                completed=event.done,
                total=event.total,
                description=safe(event.description),
                note=safe(event.text),
            ),
            lambda text: bar.console.print(text, markup=False, highlight=False),
        )


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object to stdout."""
    print(one_line(values))
