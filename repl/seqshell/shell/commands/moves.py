"""The event of a move, with the text that it led to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.core.events import Moved

if TYPE_CHECKING:
    from seqshell.session import Session


def moved_to(session: Session, moved: Moved) -> Moved:
    """The move with the last lines of the text that it led to."""
    return replace(moved, tail=session.tail)
