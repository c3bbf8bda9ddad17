"""Lines that tests send to a shell, and plugins for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

import seqshell
from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Event, Finished, Notice
from seqshell.shell.shell import Shell

LETTERS = "\n" + "".join(map(chr, range(32, 127)))  # of the models of `fresh`
E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=SeqshellError)


def send(shell: Shell, *lines: str) -> list[Event]:
    """The events of the lines."""
    return [event for line in lines for event in shell.handle(line)]


def only(shell: Shell, line: str, kind: type[E]) -> E:
    """The only event of a kind."""
    (found,) = [event for event in send(shell, line) if isinstance(event, kind)]
    return found


def fails(shell: Shell, line: str, kind: type[F] = UsageError) -> F:  # type: ignore[assignment]  # of a type variable
    """The error of a line that must fail."""
    with pytest.raises(kind) as raised:
        send(shell, line)
    return raised.value


def answer_to(shell: Shell, *lines: str) -> str:
    """The text of what the lines answer."""
    return "".join(event.answer for event in send(shell, *lines) if isinstance(event, Finished))


def notices(shell: Shell, line: str) -> list[str]:
    """The texts of the notices of a line."""
    return [event.text for event in send(shell, line) if isinstance(event, Notice)]


def plugin(**hooks: Callable[..., Any]) -> Any:
    """A plugin object with these hooks."""
    return type("Plugin", (), {name: staticmethod(seqshell.hookimpl(function)) for name, function in hooks.items()})
