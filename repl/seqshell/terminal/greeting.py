"""The first lines on the screen: version and model, what the model does with a line, what to try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.models import Task
from seqshell.terminal.printer import Printer
from seqshell.titles import about, examples, title

if TYPE_CHECKING:
    from seqshell.shell import Shell

KEYS = "Enter alone: more · Ctrl-C: stop · /tour: two minutes · /help"
KEYS_SHORT = "Enter: more · Ctrl-C: stop · /tour · /help"
THEN = "then /undo, /regen 3, /top"
KEYS_TO_TRANSLATE = "A line is translated · Ctrl-C: stop · /translate @FILE: many lines · /help"
KEYS_TO_TRANSLATE_SHORT = "/translate @FILE: many lines · /help"
THEN_OF_TRANSLATION = "then /attention, /top"


def greeting(version: str, name: str, header: Mapping[str, Any], width: int) -> Iterator[tuple[str, str]]:
    """At most three lines, each with its style, none longer than the window."""
    short = ".".join(version.split(".")[:2])
    figures = title(name, header).split(", ")
    yield _first_that_fits(width, *(f"seqshell {short} · {', '.join(figures[:number])}" for number in range(len(figures), 0, -1)), name), "title"
    sentence, tried = about(header), next(iter(examples(header)), "")
    translates = header.get("task") == Task.TRANSLATE
    attempt = f"Try  {tried}  {THEN_OF_TRANSLATION if translates else THEN}" if tried and "\n" not in tried and len(tried) < 40 else ""
    if sentence or attempt:
        yield _first_that_fits(width, " ".join(filter(None, (sentence, attempt))), sentence or attempt), "dim"
    yield _first_that_fits(width, *((KEYS_TO_TRANSLATE, KEYS_TO_TRANSLATE_SHORT) if translates else (KEYS, KEYS_SHORT))), "dim"


def greet(printer: Printer, version: str, name: str, header: Mapping[str, Any]) -> None:
    """Draw the greeting for the model that is going to be opened."""
    for line, style in greeting(version, name, header, printer.width):
        printer.line(line, style)


def greet_session(printer: Printer, version: str, shell: Shell) -> None:
    """Draw the greeting of a shell that stands already; a session that was restored tells where instead of what to try."""
    from seqshell.events import Moved
    from seqshell.terminal.drawing import draw_moved

    if shell.current is None:
        printer.line(f"seqshell {version} · no model is open; /load NAME opens one and /models lists them", "title")
        return
    session, model = shell.session, shell.session.model
    if session.position == 0:
        greet(printer, version, model.name, model.header)
        return
    printer.line(next(greeting(version, model.name, model.header, printer.width))[0], "title")
    draw_moved(printer, Moved(session.position, session.position, session.branch, session.tail))


def _first_that_fits(width: int, *lines: str) -> str:
    """The first of the lines that is narrower than the window, else the last one cut."""
    return next((line for line in lines if len(line) < width), lines[-1][: width - 1])
