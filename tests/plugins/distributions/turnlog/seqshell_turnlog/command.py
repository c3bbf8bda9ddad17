"""/log: the turns of the conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import seqshell


@seqshell.command("log", purpose="text")
def log(shell: Any, arguments: seqshell.Arguments) -> Iterator[seqshell.Event]:
    """Show the turns that led to the current position; the state does not change.

    >>> /log
    """
    turns = shell.session.notes.get("turnlog", [])
    rows = tuple((number, line, answer) for number, (line, answer) in enumerate(turns, 1))
    yield seqshell.Table(("turn", "line", "answer"), rows)
