"""What else was likely at a position of the current branch. A state that was thinned out is computed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Alternatives, Choice, Event
from seqshell.core.sampling import Draw
from seqshell.session import Session, inspection

BEFORE = 24  # characters of the text before the position that are shown


def alternatives(session: Session, position: int, number: int) -> Alternatives:
    """The `number` most likely tokens after `position` tokens, and the one that was taken there.

    position: 0 to the current one, at which nothing was taken yet. UsageError if it is outside, or if the model
    predicts no token there.
    """
    logs, chain_logs, order = _ranked(session, position)
    cursor, ids = session.behaviour.cursor, session.ids()
    taken = ids[position] if position < len(ids) else None
    ranks = list(range(min(number, len(order))))
    if taken is not None and taken not in order[:number]:
        ranks.append(int(np.flatnonzero(order == taken)[0]))
    choices = []
    for rank in ranks:
        token = int(order[rank])
        name, piece = inspection.token_name(cursor, token), cursor.token_text.piece(token)
        choices.append(Choice(rank + 1, token, name, logs[token], chain_logs[token], token == taken, piece))
    return Alternatives(position, text_before(session, position), tuple(choices))


def chosen(session: Session, position: int, rank: int) -> int:
    """The id of the token of a rank, from 1, after `position` tokens.

    UsageError if there is none, if it was taken there, or if it is no text, such as the end of a text.
    """
    _, _, order = _ranked(session, position)
    if not 1 <= rank <= len(order):
        raise UsageError(f"the number of the token must be 1 to {len(order):,}, not {rank:,}")
    token, ids = int(order[rank - 1]), session.ids()
    name = inspection.token_name(session.behaviour.cursor, token)
    if position < len(ids) and ids[position] == token:
        raise UsageError(f"{name!r} is the token that was taken at position {position:,}; choose another", code="taken")
    if token in session.behaviour.excluded_tokens() or token == session.model.tokenizer.eos:
        raise UsageError(f"{name} is no text, so it cannot be chosen; choose another", code="special")
    return token


def text_before(session: Session, position: int) -> str:
    """The last characters of the text up to a position."""
    cursor = session.behaviour.cursor
    node = cursor.timeline.ancestor(cursor.here.node, position)
    given = cursor.timeline.given(node)
    text = cursor.token_text.text(cursor.timeline.ids_to(node, max(0, position - 4 * BEFORE)))
    return ((given.text if given else "") + text)[-BEFORE:]


def _ranked(session: Session, position: int) -> tuple[list[float], list[float], NDArray[np.intp]]:
    """The log-probabilities [V] at a position, for the model and after the chain, and the ids, likeliest first."""
    session.behaviour.require_next_token()
    cursor, timeline = session.behaviour.cursor, session.behaviour.cursor.timeline
    here = cursor.here.node
    if not 0 <= position <= session.position:
        raise UsageError(f"position {position:,} is outside this branch, which is at {session.position:,}")
    snapshot = cursor.snapshot(timeline.ancestor(here, position))
    draw = Draw(session.seed, session.retry)
    if position < session.position:
        run = timeline.run_of(timeline.ancestor(here, position + 1))
        draw = Draw(timeline.seed[run], timeline.retry[run])
    logs, chain_logs = inspection.next_token(cursor, session.chain, session.behaviour.excluded_tokens(), draw, snapshot)
    return logs.tolist(), chain_logs.tolist(), np.argsort(-logs, kind="stable")


def take(
    session: Session, position: int, rank: int, settings: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[Event]:
    """Go on from the token of a rank after `position` tokens: see `take` of the session's behaviour.

    settings: those of answers: max_tokens, stop and nbest. UsageError as for `chosen`. Nothing has moved then.
    """
    return session.behaviour.take(position, chosen(session, position, rank), settings)
