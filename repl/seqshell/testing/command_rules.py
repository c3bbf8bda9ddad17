"""The rules that hold for every command: its help shows it at work, and what it does to a session is one turn."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.events import Event, Token
from seqshell.core.hookspecs import hookimpl
from seqshell.core.model import Model
from seqshell.core.plugin_api import Command
from seqshell.core.tasks import TASKS
from seqshell.shell.shell import Shell
from seqshell.testing.check import Found
from seqshell.testing.shell import shell_for
from seqshell.testing.task_examples import task_example

PROMPT = ">>> "  # before each line of a help's example
MOST_EVENTS = 10_000


def command_rules(offered: Command) -> Iterator[tuple[str, Callable[[], str | Found]]]:
    """Each rule in words, with the function that tries it and returns how it was broken and where, or nothing."""
    lines = example_lines(offered)
    yield (
        "its help begins with a line of its own, and ends with an example: lines that begin with `>>> `",
        partial(_helps, offered, lines),
    )
    yield "its usage names the arguments that the example gives it", partial(_usage, offered, lines)
    yield "its example runs on a small model and ends", partial(_in_folder, partial(_runs, offered, lines))
    yield "what it does is one turn: /undo takes back all of it", partial(_in_folder, partial(_undone, offered, lines))
    yield (
        "stopped after a token, it leaves what /undo takes back",
        partial(_in_folder, partial(_stopped, offered, lines)),
    )


def example_lines(offered: Command) -> list[str]:
    """The lines of the example in a command's help, as typed."""
    return [line.strip().removeprefix(PROMPT) for line in offered.help.splitlines() if line.strip().startswith(PROMPT)]


def _arguments(offered: Command, line: str) -> str | None:
    """What a line gives the command; None: the line is of something else."""
    word, _, rest = line.partition(" ")
    return rest.strip() if word in {f"/{name}" for name in (offered.name, *offered.aliases)} else None


def _helps(offered: Command, lines: list[str]) -> str:
    if not offered.help.partition("\n")[0].strip():
        return "there is no help: the docstring of the function is empty"
    if not lines:
        return "the help has no example"
    return (
        ""
        if any(_arguments(offered, line) is not None for line in lines)
        else f"no line of the example begins with /{offered.name}"
    )


def _usage(offered: Command, lines: list[str]) -> Found:
    given = [line for line in lines if _arguments(offered, line)]
    return Found() if offered.usage or offered.options or not given else Found("there is no usage", given[0])


def _model(offered: Command) -> Model:
    """A tiny model for the first task that the command is for."""
    return task_example(next(task for task in TASKS if not offered.tasks or task in offered.tasks)).model()


class Checked:
    """A plugin with this one command."""

    def __init__(self, offered: Command) -> None:
        self.offered = offered

    @hookimpl
    def seqshell_commands(self) -> list[Command]:
        return [self.offered]


def _shell(offered: Command) -> Shell:
    return shell_for(_model(offered), plugins=[Checked(offered)])


def _in_folder(tries: Callable[[], Found]) -> Found:
    """In a folder of its own, for commands that write files."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return tries()


def _asked(shell: Shell, offered: Command, line: str) -> str:
    """The line as this shell has it: a built-in command of the name keeps the short one."""
    arguments = _arguments(offered, line)
    known = shell.registry.commands.of("Checked", offered.name) or offered.name
    return line if arguments is None else f"/{known} {arguments}".rstrip()


def _events(shell: Shell, line: str) -> tuple[list[Event], str]:
    """What a line yields, and what is wrong with it."""
    events = list(islice(shell.handle(line), MOST_EVENTS + 1))
    return events, f"it does not end: more than {MOST_EVENTS} events" if len(events) > MOST_EVENTS else ""


def _runs(offered: Command, lines: list[str]) -> Found:
    shell = _shell(offered)
    for line in lines:
        try:
            _, seen = _events(shell, _asked(shell, offered, line))
        except PluginError:
            raise
        except SeqshellError as error:  # such as a file that is not here
            return Found(error.message, line, is_warning=True)
        if seen:
            return Found(seen, line)
    return Found()


def _turns(offered: Command, lines: list[str], run: Callable[[Shell, str], Any]) -> Found:
    """Each line of the command, run and taken back, the others run, up to one that cannot be."""
    shell = _shell(offered)
    for line in lines:
        try:
            seen = _taken_back(shell, offered, line, run)
        except PluginError:
            raise
        except SeqshellError:
            break
        if seen:
            return Found(seen, line)
    return Found()


def _taken_back(shell: Shell, offered: Command, line: str, run: Callable[[Shell, str], Any]) -> str:
    asked = _asked(shell, offered, line)
    if _arguments(offered, line) is None or shell.workspace.current is None:
        _events(shell, asked)
        return ""
    session = shell.session
    before, start = session.here.node, session.position
    run(shell, asked)
    position = session.position
    went_on = position > start and session.ancestor(position - start).node == before
    if went_on:
        _events(shell, "/undo")
    if went_on and session.here.node != before:
        return f"it went from position {start} to {position}, and /undo back to {session.position}"
    return ""


def _undone(offered: Command, lines: list[str]) -> Found:
    return _turns(offered, lines, _events)


def _stopped(offered: Command, lines: list[str]) -> Found:
    def run(shell: Shell, line: str) -> None:
        events: Any = shell.handle(line)
        for event in islice(events, MOST_EVENTS):
            if isinstance(event, Token):
                break
        events.close()

    return _turns(offered, lines, run)
