"""GENERATE: a message is fed to the live state, and the model goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.events import Event

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.session.tasks import Wishes


def answer(session: Session, text: str, wishes: Wishes) -> Iterator[Event]:
    """Feed the message and generate `max_tokens`; yields a Token for each, then Finished.

    wishes: newline (none, before or after: where a newline is added to the message), unknown (error or skip: what becomes of
    characters that the model does not know), max_tokens, stop. Nothing has changed when VocabularyError is raised.
    """
    newline = wishes.get("newline")
    message = ("\n" if newline == "before" else "") + text + ("\n" if newline == "after" else "")
    session.feed(message, unknown=wishes.get("unknown"))
    yield from go_on(session, wishes)


def go_on(session: Session, wishes: Wishes, number: int | None = None) -> Iterator[Event]:
    """Generate `number` tokens (None: max_tokens) from the live state, or fewer where `stop` comes up."""
    yield from session.generate(number or wishes.get("max_tokens"), stop=wishes.get("stop"))
