"""How a training and its measuring are told: progress and remarks on stderr, a bar at a terminal, results where they are wanted, metrics in JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from seqshell.core.events import Event, Notice, Progress
from seqshell.core.json_values import tidy
from seqshell.core.sanitize import safe
from seqshell.core.text_output import plain

if TYPE_CHECKING:
    from seqshell.host import Registry

EVERY = 5.0  # percent: how often a training tells its progress where no bar can be drawn

Result = TypeVar("Result")


def show(events: Iterable[Event], results: TextIO) -> None:
    """Results to `results`, everything else to stderr: there a progress bar at a terminal, else a line now and then."""
    for event in results_of(events):
        text = plain(event)
        if text is not None:
            print(safe(text), file=results, flush=True)


def results_of(events: Iterable[Result | Progress | Notice]) -> Iterator[Result]:
    """Tell progress and remarks, and hand on everything else. The bar, where there is one, is gone before the first of these."""
    iterator = iter(events)
    with _progress_shown() as (progress, remark):
        for event in iterator:
            if isinstance(event, Progress):
                progress(event)
            elif isinstance(event, Notice):
                remark(safe(event.text))
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
    """How to tell progress and remarks on stderr."""
    if not sys.stderr.isatty():
        told = [-math.inf]

        def tell(event: Progress) -> None:
            percent = 100 * event.done / max(1, event.total)
            if percent - told[0] >= EVERY or event.done == event.total:
                told[0] = percent
                print(f"{event.description}: {percent:.0f} %, {event.text}", file=sys.stderr, flush=True)

        yield tell, lambda text: print(text, file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Bar(*columns, console=Console(stderr=True, markup=False, highlight=False), transient=True) as bar:
        task = bar.add_task("", total=None, text="")
        yield (
            lambda event: bar.update(
                task, completed=event.done, total=event.total, description=event.description, text=event.text
            ),
            lambda text: bar.console.print(text, markup=False, highlight=False),
        )


def print_json(values: Mapping[str, Any]) -> None:
    """One object on stdout."""
    print(json_text(values))


def json_text(values: Mapping[str, Any]) -> str:
    """The object on one line."""
    return json.dumps(tidy(values), ensure_ascii=False)


def told_registry(no_plugins: bool, plugins: Sequence[str]) -> Registry:
    """The plugins that the command line allows, with those that failed told on stderr."""
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry

    registry = load_registry(Policy.read(no_plugins=no_plugins, extra=plugins))
    for problem in registry.problems:
        print(f"seqshell: {safe(problem.message)}", file=sys.stderr)
    return registry
