"""The rules for every command: its help has a working example, and running it is one turn."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.events import Event, Token
from seqshell.core.hookspecs import hookimpl
from seqshell.core.model import Model
from seqshell.core.plugin_api import Command, Complete
from seqshell.core.plugin_guard import owner_of
from seqshell.core.tasks import TASKS
from seqshell.core.text_output import quoted
from seqshell.shell.shell import Shell
from seqshell.testing.check import Finding
from seqshell.testing.shell import shell_for
from seqshell.testing.task_examples import task_example

PROMPT = ">>> "  # before each line of the example in a help
MAX_EVENTS = 10_000


def command_rules(offered: Command) -> Iterator[tuple[str, Callable[[], str | Finding]]]:
    """Yield each rule with a function that tries it and returns the failure, if any."""
    lines = example_lines(offered)
    yield (
        "its help starts with a summary line and has an example: lines that start with `>>> `",
        partial(_helps, offered, lines),
    )
    yield "it has a usage text if its example has arguments", partial(_usage, offered, lines)
    yield "its example runs on a small model and ends", partial(_in_folder, partial(_runs, offered, lines))
    yield "it is one turn: /undo undoes all of it", partial(_in_folder, partial(_undone, offered, lines))
    yield (
        "if it is stopped after a token, /undo undoes it as well",
        partial(_in_folder, partial(_stopped, offered, lines)),
    )
    if completers := _completers(offered):
        yield "what Tab offers are words, and it changes nothing", partial(_completes, offered, completers)


def example_lines(offered: Command) -> list[str]:
    """Return the lines of the example in a command's help, as typed."""
    return [line.strip().removeprefix(PROMPT) for line in offered.help.splitlines() if line.strip().startswith(PROMPT)]


def _arguments(offered: Command, line: str) -> str | None:
    """Return the arguments of the command in a line; None for a line without the command."""
    word, _, rest = line.partition(" ")
    return rest.strip() if word in {f"/{name}" for name in (offered.name, *offered.aliases)} else None


def _helps(offered: Command, lines: list[str]) -> str:
    if not offered.help.partition("\n")[0].strip():
        return "no help: the function has no docstring"
    if not lines:
        return "the help has no example"
    return (
        ""
        if any(_arguments(offered, line) is not None for line in lines)
        else f"no line of the example starts with /{offered.name}"
    )


def _usage(offered: Command, lines: list[str]) -> Finding:
    given = [line for line in lines if _arguments(offered, line)]
    return Finding() if offered.usage or offered.options or not given else Finding("no usage text", given[0])


def _model(offered: Command) -> Model:
    """A tiny model for the first task that the command is for."""
    return task_example(next(task for task in TASKS if not offered.tasks or task in offered.tasks)).model()


class CheckedPlugin:
    """A plugin with only this command, with the name of the plugin that it comes from."""

    def __init__(self, offered: Command) -> None:
        self.offered = offered
        self.__name__ = owner_of(offered.run).name

    @hookimpl
    def seqshell_commands(self) -> list[Command]:
        return [self.offered]


def _shell(offered: Command) -> Shell:
    return shell_for(_model(offered), plugins=[CheckedPlugin(offered)])


def _in_folder(tries: Callable[[], Finding]) -> Finding:
    """Try a rule in a temporary folder, for commands that write files."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return tries()


def _line_for(shell: Shell, offered: Command, line: str) -> str:
    """Return the line with the command's full name, if a built-in command has its name."""
    arguments = _arguments(offered, line)
    known = shell.registry.commands.of(owner_of(offered.run).name, offered.name) or offered.name
    return line if arguments is None else f"/{known} {arguments}".rstrip()


def _events(shell: Shell, line: str) -> tuple[list[Event], str]:
    """Return the events of a line, and what is wrong with them."""
    events = list(islice(shell.handle(line), MAX_EVENTS + 1))
    return events, f"it does not end: more than {MAX_EVENTS} events" if len(events) > MAX_EVENTS else ""


def _runs(offered: Command, lines: list[str]) -> Finding:
    shell = _shell(offered)
    for line in lines:
        try:
            _, seen = _events(shell, _line_for(shell, offered, line))
        except PluginError:
            raise
        except SeqshellError as error:  # for instance, a missing file
            return Finding(error.message, line, is_warning=True)
        if seen:
            return Finding(seen, line)
    return Finding()


def _completers(offered: Command) -> dict[str, Complete]:
    """What completes the command and its options, by the text that it is tried on."""
    named = {"": offered.complete, **{f"{option.flag} ": option.complete for option in offered.options}}
    return {text: complete for text, complete in named.items() if complete is not None}


def _completes(offered: Command, completers: Mapping[str, Complete]) -> Finding:
    shell = _shell(offered)
    before = shell.workspace.current, shell.session.here.node
    for text, complete in completers.items():
        found = complete(shell, text)
        if isinstance(found, str):
            return Finding(f"it returned the text {quoted(found)}, not a list of words", f"/{offered.name} {text}")
        if wrong := [word for word in found if not isinstance(word, str)]:
            return Finding(f"{quoted(wrong[0])} is not a text", f"/{offered.name} {text}")
    after = shell.workspace.current, shell.session.here.node
    return Finding() if after == before else Finding("it moved the session", f"/{offered.name}")


def _turns(offered: Command, lines: list[str], run: Callable[[Shell, str], Any]) -> Finding:
    """Run the lines of the example, undoing those of the command, up to the first that fails."""
    shell = _shell(offered)
    for line in lines:
        try:
            seen = _undo_line(shell, offered, line, run)
        except PluginError:
            raise
        except SeqshellError:
            break
        if seen:
            return Finding(seen, line)
    return Finding()


def _undo_line(shell: Shell, offered: Command, line: str, run: Callable[[Shell, str], Any]) -> str:
    line_here = _line_for(shell, offered, line)
    if _arguments(offered, line) is None or shell.workspace.current is None:
        _events(shell, line_here)
        return ""
    session = shell.session
    before, start = session.here.node, session.position
    run(shell, line_here)
    position = session.position
    advanced = position > start and session.ancestor(position - start).node == before
    if advanced:
        _events(shell, "/undo")
    if advanced and session.here.node != before:
        return f"it moved from position {start} to {position}, but /undo went back to {session.position}"
    return ""


def _undone(offered: Command, lines: list[str]) -> Finding:
    return _turns(offered, lines, _events)


def _stopped(offered: Command, lines: list[str]) -> Finding:
    def run(shell: Shell, line: str) -> None:
        events: Any = shell.handle(line)
        for event in islice(events, MAX_EVENTS):
            if isinstance(event, Token):
                break
        events.close()

    return _turns(offered, lines, run)
