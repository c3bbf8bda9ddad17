"""/tour: one thing from each task, with the models that are installed. Your own sessions are put aside and restored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import TASKS
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.guided import Section, guided_lines, missing_models
from seqshell.shell.commands.script import run_script

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

SECTION = re.compile(r"^/#\[(\w+)\]\n", re.MULTILINE)  # the task whose default model the section shows
BEGINNING = """\
/# A line is waiting in the prompt. Press Enter to send it; you
/# may edit it first.
/#"""
END = """\
/# That is all. /models lists the models, /load NAME opens one,
/# and /train FILE trains one on your own text. /help shows all
/# commands on one screen, /help undo explains one."""


@command("tour", purpose="session")
def tour(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Take a two-minute tour; Enter sends each line, and at the end your own state is what it was before.

    It generates, translates, classifies and forecasts with the models that are installed.

        >>> /tour
    """
    words(arguments, tour, 0, 0)
    yield from run_script(shell, "/tour", "\n".join(tour_lines(shell)) + "\n", step=True)


def tour_lines(shell: Shell) -> Iterator[str]:
    """The lines of the tour as a script. Raises UsageError if none of its models is installed."""
    _, *parts = SECTION.split(Path(__file__).with_name("tour.seq").read_text("utf-8"))
    # The others than conversations answer a command, whatever the current model is.
    sections = [
        Section(TASKS[task].default_model, text, is_current=TASKS[task].can_continue)
        for task, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    missing = missing_models(shell, sections)
    if len(missing) == len(sections):
        raise UsageError(f"the tour needs one of the models {', '.join(missing)}; /models lists those that you have")
    yield BEGINNING
    yield from guided_lines(shell, [each for each in sections if each.model not in missing])
    if missing:
        yield f"/# Left out, because it is not installed: {', '.join(missing)}."
        yield "/#"
    yield END
