"""CLASSIFY: a message is a text to be labelled, whatever was before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.session.tasks import Wishes


def answer(session: Session, text: str, wishes: Wishes, explain: bool = False) -> Iterator[Event]:
    """Label the message; yields one Label. explain: with what each token did to the belief.

    wishes: unknown (error or skip: what becomes of characters that the model does not know). Nothing has changed when VocabularyError
    is raised, or when the message is blank.
    """
    yield session.classify(text, explain=explain, unknown=wishes.get("unknown"))


def go_on(session: Session, wishes: Wishes, number: int | None = None) -> Iterator[Event]:
    """A label is the whole answer: there is nothing to go on with."""
    raise UsageError(f"{session.model.name} labels whole texts and does not go on; write another text")
    yield  # a generator, as all answers are
