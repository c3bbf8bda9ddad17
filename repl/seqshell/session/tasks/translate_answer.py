"""TRANSLATE: a message is a text to be translated, whatever was before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.session.tasks import Wishes


def answer(session: Session, text: str, wishes: Wishes, prefix: str = "") -> Iterator[Event]:
    """Translate the message; yields a Token for each token, then Translation. prefix: how the answer begins.

    wishes: max_tokens, stop, unknown (error or skip: what becomes of characters that the model does not know), nbest (how many
    candidates are told). Nothing has changed when VocabularyError is raised, or when the message is blank.
    """
    length, unknown, stop = (wishes.get(name) for name in ("max_tokens", "unknown", "stop"))
    yield from session.translate(
        text, length, prefix=prefix, unknown=unknown, stop=stop, nbest=wishes.get("nbest") or 1
    )


def go_on(session: Session, wishes: Wishes, number: int | None = None) -> Iterator[Event]:
    """A translation is whole: there is nothing to go on with."""
    raise UsageError(f"{session.model.name} translates whole texts and does not go on; /regen translates again")
    yield  # a generator, as all answers are
