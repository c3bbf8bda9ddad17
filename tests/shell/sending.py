"""Lines that tests send to a shell."""

from __future__ import annotations

from typing import TypeVar

import pytest

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Event
from seqshell.shell.shell import Shell

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
