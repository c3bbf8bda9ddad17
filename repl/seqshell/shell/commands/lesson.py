"""/lesson: short lessons for a class, on how recurrent models learn, remember and answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice, Table
from seqshell.core.names import did_you_mean
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.text_output import quoted
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.guided import Section, guided_lines, missing_models
from seqshell.shell.commands.script import run_script

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

FOLDER = Path(__file__).with_name("lessons")
SECTION = re.compile(
    r"^/#\[([\w.-]*)\]\n", re.MULTILINE
)  # the model that the lines after it use; none: they train some
LESSONS: Mapping[str, tuple[int, str]] = {  # minutes, and what it is about
    "vanishing": (4, "why a plain recurrent network forgets, and an LSTM does not; trains both in seconds"),
    "gates": (3, "what the gates of an LSTM keep, and a unit that counts along the line"),
    "sampling": (3, "from probabilities to text: temperature, what is left out, and counted randomness"),
    "search": (3, "why the best next word need not lead to the best sentence, and how a beam finds it"),
}


def lesson_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the lessons and what they are about."""
    return {name: about for name, (_, about) in LESSONS.items()}


@command("lesson", usage="[NAME]", complete=lesson_words, purpose="session")
def lesson(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Take a lesson of a few minutes; Enter sends each line, and at the end your own state is what it was before.

    Without a name, list the lessons.

        >>> /lesson
        >>> /lesson sampling
    """
    given = words(arguments, lesson, 0, 1)
    if given:
        lines = "\n".join(lesson_lines(shell, given[0])) + "\n"
        yield from run_script(shell, f"/lesson {given[0]}", lines, step=True)
        return
    yield Table(("lesson", "minutes", "about"), tuple((name, *about) for name, about in LESSONS.items()))
    if shell.interactive:
        yield Notice("/lesson NAME starts one; Enter sends each line, Ctrl-C ends it")


def lesson_lines(shell: Shell, name: str) -> Iterator[str]:
    """The lines of a lesson as a script. Raises UsageError for another name, or if a model that it needs is missing."""
    if name not in LESSONS:
        meant = did_you_mean(name, LESSONS, f"the lessons are {', '.join(LESSONS)}")
        raise UsageError(f"there is no lesson {quoted(name)}; {meant}")
    beginning, *parts = SECTION.split((FOLDER / f"{name}.seq").read_text("utf-8"))
    sections = [Section(model, text) for model, text in zip(parts[::2], parts[1::2], strict=True)]
    if missing := missing_models(shell, sections):
        raise UsageError(f"/lesson {name} needs the model {missing[0]}; /models lists those that you have")
    if beginning:
        yield beginning.rstrip("\n")
    yield from guided_lines(shell, sections, closes=True)
    others = [other for other in LESSONS if other != name]
    yield f"/# That is all. The other lessons: {', '.join(others)}."
