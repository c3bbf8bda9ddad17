"""The greeting: version and model, what the model does with a line, what to try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.tasks import TASKS, Task
from seqshell.models.summary import about, examples, title
from seqshell.terminal.printer import Printer

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


MORE = " ..."  # at the end of a line that was cut


def greeting(version: str, name: str, header: Mapping[str, Any], width: int) -> Iterator[tuple[str, str]]:
    """Return at most three lines, each with its style and narrower than the window."""
    short = ".".join(version.split(".")[:2])
    parts = title(name, header, metric=False).split(", ")
    yield (
        _first_that_fits(
            width,
            *(f"seqshell {short} · {', '.join(parts[:number])}" for number in range(len(parts), 0, -1)),
            f"seqshell {short} · {name}",
            name,
        ),
        "title",
    )
    sentence, example = about(header), next(iter(examples(header)), "")
    spec = TASKS.get(str(header.get("task", "")), TASKS[Task.GENERATE])
    example_hint = f"Try  {example}" if example and "\n" not in example and len(example) < 40 else ""
    suggestion = f"{example_hint}  {spec.next_steps}" if example_hint else ""
    if sentence or suggestion:
        both = (" ".join(filter(None, (sentence, hint))) for hint in (suggestion, example_hint))
        yield _first_that_fits(width, *both, sentence or suggestion), "dim"
    yield _first_that_fits(width, *spec.keys), "dim"


def greet(printer: Printer, version: str, name: str, header: Mapping[str, Any]) -> None:
    """Draw the greeting for the model that is about to be opened."""
    for line, style in greeting(version, name, header, printer.width):
        printer.line(line, style)


def greet_session(printer: Printer, version: str, shell: Shell) -> None:
    """Draw the greeting of a shell that is loaded. A restored session shows its position instead of what to try."""
    from seqshell.core.events import Moved
    from seqshell.terminal.renderer import draw_moved

    if shell.workspace.current is None:
        printer.line(f"seqshell {version} · no model is open; /load NAME opens one and /models lists them", "title")
        return
    session, model = shell.session, shell.session.model
    if session.position == 0:
        greet(printer, version, model.name, model.header)
        return
    printer.line(next(greeting(version, model.name, model.header, printer.width))[0], "title")
    draw_moved(printer, Moved(session.position, session.position, session.branch, session.tail))


def _first_that_fits(width: int, *lines: str) -> str:
    """Return the first line that is narrower than the window, else the last one, cut after a word."""
    fitting = next((line for line in lines if len(line) < width), None)
    if fitting is not None:
        return fitting
    whole_words = lines[-1][: width - len(MORE)].rpartition(" ")[0]
    return whole_words.rstrip(",;:") + MORE if whole_words else lines[-1][: width - 1]
