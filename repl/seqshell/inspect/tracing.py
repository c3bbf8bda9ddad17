"""Read tokens from a state without moving the session: the state, the outputs and the surprisal after each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.growth import growth_axis
from seqshell.core.state import State, as_array, leaves
from seqshell.core.trace import Trace
from seqshell.decoding.probabilities import log_probs
from seqshell.session import Session
from seqshell.session.cursor import Cursor
from seqshell.session.given import StateRecord
from seqshell.session.state_record import leaf_names

CHUNK = 256  # tokens whose arrays are in memory at once


def trace_text(session: Session, text: str, unknown: str = "error") -> Trace:
    """The trace of a text from the state here. unknown: as for `TaskBehaviour.encode`."""
    return trace(session, session.behaviour.encode(text, unknown))


def trace(session: Session, ids: Sequence[int], record: StateRecord | None = None) -> Trace:
    """The trace of some tokens from the state here, or from that of `record`. UsageError as for `chunks`."""
    parts = list(chunks(session, ids, record))
    first, surprisals = parts[0], [part.surprisal for part in parts if part.surprisal is not None]
    return Trace(
        first.start,
        tuple(token for part in parts for token in part.ids),
        tuple(text for part in parts for text in part.texts),
        first.before,
        np.concatenate([part.outputs for part in parts]),
        np.concatenate(surprisals) if surprisals else None,
        {name: np.concatenate([part.arrays[name] for part in parts]) for name in first.arrays},
    )


def chunks(session: Session, ids: Sequence[int], record: StateRecord | None = None) -> Iterator[Trace]:
    """The same in parts of at most CHUNK tokens, so that the arrays of a long text are not all in memory.

    UsageError if there are no tokens, for a model that reads whole texts, and if an interrupt comes first.
    """
    cursor, tokens = session.behaviour.cursor, list(map(int, ids))
    if not tokens:
        raise UsageError("cannot trace an empty text")
    if not session.model.causal:
        raise UsageError(f"{session.model.name} reads whole texts and has no state", code="no_state")
    if not 0 <= min(tokens) <= max(tokens) < session.model.tokenizer.size:
        raise UsageError(f"token ids must be 0 to {session.model.tokenizer.size - 1}")
    session.behaviour.navigator.forget_interrupt()
    return _chunks(cursor, tokens, record)


def _chunks(cursor: Cursor, ids: list[int], record: StateRecord | None) -> Iterator[Trace]:
    if record is None:
        state, before, tail, position = cursor.here.state, cursor.outputs(), cursor.tail(), cursor.num_read
    else:
        state, before, tail, position = cursor.own(record.state), record.outputs[0], b"", record.given.position
    for start in range(0, len(ids), CHUNK):
        if cursor.interrupted:
            raise UsageError("interrupted before the text was traced", code="interrupt")
        part = ids[start : start + CHUNK]
        outputs, state, arrays = _stepped(cursor, part, state)
        texts = []
        for token in part:
            text, tail = cursor.token_text.read(token, tail)
            texts.append(text)
        surprisal = _surprisal(part, np.concatenate((before[None], outputs[:-1]))) if before.ndim == 1 else None
        if cursor.model.labels:  # the outputs tell labels, not tokens
            surprisal = None
        yield Trace(position + start, tuple(part), tuple(texts), before, outputs, surprisal, arrays)
        before = outputs[-1]


def _stepped(cursor: Cursor, ids: list[int], state: State) -> tuple[NDArray[Any], State, Mapping[str, NDArray[Any]]]:
    """Read ids step by step. Returns the outputs [T, V], the last state, and each leaf by its address [T, ...]."""
    outputs, states = [], [state]
    for token in ids:
        rows, state = cursor.decoder.step(np.array([token], np.int64), state)
        outputs.append(rows[0])
        states.append(state)
    paths = zip(*(map(as_array, leaves(each)) for each in states), strict=True)
    arrays = {name: _over_time(path) for name, path in zip(leaf_names(state), paths, strict=True)}
    return np.stack(outputs), state, arrays


def _over_time(path: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The leaves [1, ...] after each token [T, ...]; if they grow, what was added. path: with the one before them."""
    axis = next((axis for one, other in pairwise(path) if (axis := growth_axis(one.shape, other.shape))), None)
    if axis is None:
        return np.stack([leaf[0] for leaf in path[1:]])
    return np.stack([np.split(other, [one.shape[axis]], axis)[1][0] for one, other in pairwise(path)])


def _surprisal(ids: Sequence[int], outputs: NDArray[Any]) -> NDArray[np.float64]:
    """-log p of each token in nats [T]; outputs: those before each token [T, V]."""
    found: NDArray[np.float64] = -np.take_along_axis(log_probs(outputs), np.array(ids)[:, None], 1)[:, 0]
    return found + 0.0  # a certain token has 0, not -0
