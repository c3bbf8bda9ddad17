"""/forecast: the next values of a series, drawn or written to a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Forecast, Notice
from seqshell.core.json_values import unquoted
from seqshell.core.limits import MAX_STEPS
from seqshell.core.named_files import named_path
from seqshell.core.plugin_api import Arguments, Option, command
from seqshell.core.tasks import Task
from seqshell.core.text_files import read_file
from seqshell.core.text_output import rows_as_json
from seqshell.core.view_files import view_place, write_view
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.batch import model_for, open_session
from seqshell.shell.commands.output_files import PICTURES_HELP, origin, written

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell

VALUE = re.compile(r'[^\s"]+')
FILE = re.compile(r'(?:^|\s)@("(?:[^"\\]|\\.)*"|[^\s"]+)')
LARGEST_TABLE = 10_000_000  # bytes; the names of the series of a larger one are not completed


def series_words(shell: Shell, text: str) -> Iterable[str]:
    """The names of the series in the @FILE before the option; without it, of those that the model was trained on."""
    session = open_session(shell, Task.FORECAST, text)
    if session is None or session.model.series is None:
        return ()
    if (file := FILE.search(text)) is None:
        return (_as_word(scale.name) for scale in session.model.series.scales)
    path = named_path(unquoted(file[1]) or file[1])
    if path.stat().st_size > LARGEST_TABLE:
        return ()
    from seqshell.core.series_text import series_names

    return map(_as_word, series_names(read_file(str(path)), session.model.series))


def _as_word(name: str) -> str:
    """A name as the value of an option."""
    return name if VALUE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


@command(
    "forecast",
    usage="[N] [@FILE]",
    options=(
        Option("-m", "MODEL", "the model to use"),
        Option("--example", help="first observe the example that comes with the model"),
        Option(
            "--series",
            "NAME",
            "which series of @FILE to read, if its table has several; default: the last",
            complete=series_words,
        ),
        Option("-o", "FILE", PICTURES_HELP),
    ),
    purpose="tasks",
)
def forecast(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Forecast the next N steps of a series, or `horizon`; the state changes only by the values of @FILE.

    The model is the current one if it forecasts, else the one of -m, else oil-temperature, which stays open in the
    background. A line of numbers is appended to the series, and so is @FILE: rows of numbers, or a table with named
    columns, which is sorted by time; of several series, the last or that of --series. /undo removes them. If most steps
    of its time column are equal, the forecast continues its times.

        >>> /forecast --example
        >>> /forecast 3
        >>> /forecast 4 -o forecast.json
    """
    number, name = _read(arguments)
    file = str(arguments.options.get("-o", ""))
    if file:
        view_place(file)
    model = model_for(shell, Task.FORECAST, str(arguments.options.get("-m", "")))
    session, values = shell.answer_with(model)
    steps = session.behaviour.check_steps(values.get("horizon") if number is None else number)
    series = str(arguments.options.get("--series", ""))
    if series and not name:
        raise UsageError("--series needs @FILE, a table with several series")
    yield from _observe(shell, session, name, bool(arguments.options.get("--example")), series)
    found, *notes = session.behaviour.continue_answer(values, steps)
    assert isinstance(found, Forecast)
    if shell.interactive and shell.answering != shell.workspace.current:
        yield Notice(f"{session.model.name}:", "label")
    if not file:
        yield found
        yield from notes
        return
    rows, fields = "".join(f"{row}\n" for row in found.rows()), found.as_json()
    path = write_view(file, found, rows, {**fields, "history": rows_as_json(found.history)}, about=origin(shell))
    yield from written(shell, path, fields, op=Task.FORECAST.value)
    yield from notes


def _read(arguments: Arguments) -> tuple[int | None, str]:
    """The number of steps, if there is one, and the name of the file, or an empty string."""
    number, name = None, ""
    for word in words(arguments, forecast, 0, 2):
        if word.startswith("@") and not name:
            name = word[1:]
        elif number is None and not word.startswith("@"):
            hint = f"@{word} reads a file" if "." in word else ""
            number = whole_number(word, "the number of steps", 1, MAX_STEPS, hint)
        else:
            raise UsageError(f"unexpected {word!r}; usage: /forecast {forecast.usage}")
    return number, name


def _observe(shell: Shell, session: Session, name: str, wants_example: bool, series: str) -> Iterator[Event]:
    """Append the model's example, if requested, and the values of a file, if there is one; yields notes about it."""
    if wants_example:
        session.behaviour.observe_example()
    if name:
        yield from map(Notice, session.behaviour.observe_file(name, shell.read_stdin, series))
