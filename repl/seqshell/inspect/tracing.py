"""Read tokens from a state without moving the session: the state, the outputs and the surprisal after each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.growth import after_step
from seqshell.core.state import State, as_array, by_address, leaves
from seqshell.core.trace import Trace
from seqshell.decoding.probabilities import log_probs
from seqshell.session import Session
from seqshell.session.cursor import Cursor
from seqshell.session.given import StateRecord

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
        {
            name: np.concatenate([part.arrays[name] for part in parts])
            for name in first.arrays
            if all(name in part.arrays for part in parts)
        },
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
        state, before, tail, position = cursor.here.state, cursor.outputs(), cursor.tail(), cursor.position
    else:
        state, before, tail, position = cursor.own(record.state), record.outputs[0], b"", record.given.position
    tells_tokens = before.ndim == 1 and not cursor.model.labels
    for start in range(0, len(ids), CHUNK):
        if cursor.interrupted:
            raise UsageError("interrupted before the text was traced", code="interrupt")
        part = ids[start : start + CHUNK]
        outputs, state, arrays = _read(cursor, part, state)
        texts = []
        for token in part:
            text, tail = cursor.token_text.read(token, tail)
            texts.append(text)
        surprisal = _surprisal(part, np.concatenate((before[None], outputs[:-1]))) if tells_tokens else None
        yield Trace(position + start, tuple(part), tuple(texts), before, outputs, surprisal, arrays)
        before = outputs[-1]


def _read(cursor: Cursor, ids: list[int], state: State) -> tuple[NDArray[Any], State, Mapping[str, NDArray[Any]]]:
    """Returns the outputs after each id [T, V], the last state, and by name [T, ...]."""
    found = cursor.decoder.trace(np.array([ids], np.int64), state)
    if found is None:
        return _stepped(cursor, ids, state)
    outputs, state, arrays = found
    return outputs[0], state, {name: array[0] for name, array in arrays.items()}


def _stepped(cursor: Cursor, ids: list[int], state: State) -> tuple[NDArray[Any], State, Mapping[str, NDArray[Any]]]:
    """Read ids step by step. Returns the outputs [T, V], the last state, and each leaf by its address [T, ...]."""
    outputs, states = [], [state]
    for token in ids:
        rows, state = cursor.decoder.step(np.array([token], np.int64), state)
        outputs.append(rows[0])
        states.append(state)
    arrays = {}
    for address, *path in zip(by_address(state), *(map(as_array, leaves(each)) for each in states), strict=True):
        steps = [after_step(leaf, before)[0] for before, leaf in pairwise(path)]
        if len({step.shape for step in steps}) == 1:  # else it grows by different lengths, and is left out
            arrays[address] = np.stack(steps)
    return np.stack(outputs), state, arrays


def _surprisal(ids: Sequence[int], outputs: NDArray[Any]) -> NDArray[np.float64]:
    """-log p of each token in nats [T]; outputs: those before each token [T, V]."""
    found: NDArray[np.float64] = -np.take_along_axis(log_probs(outputs), np.array(ids)[:, None], 1)[:, 0]
    return found + 0.0  # a certain token has 0, not -0
