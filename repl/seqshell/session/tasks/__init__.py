"""What a message means for each task, and how it is answered in events. Knows no terminal, command or plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from seqshell.core.events import Event
from seqshell.core.model import Task

if TYPE_CHECKING:
    from seqshell.session import Session

# Each module has `answer(session, text, wishes)` and `go_on(session, wishes, number)`, and is imported with the first answer.
HOMES: Mapping[Task, str] = MappingProxyType({task: f"seqshell.session.tasks.{task.value}_answer" for task in Task})


class Wishes(Protocol):
    """The user's settings by name: max_tokens, stop, unknown, newline, nbest, ... A dict will do."""

    def get(self, name: str, /) -> Any:
        """The value in force."""


def answer(session: Session, text: str, wishes: Wishes) -> Iterator[Event]:
    """Answer one message of the user, verbatim, as the session's model has it."""
    return _home(session.model.task).answer(session, text, wishes)  # type: ignore[no-any-return]  # modules are not typed


def go_on(session: Session, wishes: Wishes, number: int | None = None) -> Iterator[Event]:
    """Answer further without a message: GENERATE makes `number` more tokens (None: max_tokens) from the live state."""
    return _home(session.model.task).go_on(session, wishes, number)  # type: ignore[no-any-return]  # modules are not typed


def _home(task: Task) -> Any:
    return import_module(HOMES[task])
