"""Long work of a command that changes nothing: it shows its progress, and Ctrl-C stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice
from seqshell.session.reading import slow_progress

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


def slowly(
    shell: Shell, steps: Iterable[object], done: Callable[[], int], total: int, doing: str, thing: str = "token"
) -> Iterator[Event]:
    """Go through the steps of long work, with progress as in `slow_progress`. Ctrl-C stops it between two of them."""
    try:
        yield from slow_progress(_until_interrupted(shell, steps), done, total, doing, thing)
    except GeneratorExit:  # no event can be yielded any more
        shell.notices.append(Notice(f"interrupted while {doing}; nothing has changed"))
        raise


def _until_interrupted(shell: Shell, steps: Iterable[object]) -> Iterator[None]:
    for _ in steps:
        if shell.session.behaviour.cursor.interrupted:
            raise UsageError("interrupted; nothing has changed", code="interrupt")
        yield
