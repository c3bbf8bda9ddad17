"""Read tokens from a state without moving the session: the state, the outputs and the surprisal after each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.growth import after_step
from seqshell.core.state import Arrays, State, as_array, by_address, leaves
from seqshell.core.trace import Trace
from seqshell.decoding.probabilities import log_probs
from seqshell.session import Session
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.session.cursor import Cursor
from seqshell.session.given import StateRecord
from seqshell.session.timeline import Read

CHUNK = 256  # tokens whose arrays are in memory at once
Stretch: TypeAlias = tuple[list[int], CheckedDecoder, State, NDArray[Any]]


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


@dataclass(frozen=True, eq=False)
class BranchStart(StateRecord):
    """The state that a branch began with. changes: (number of tokens before it, node) of the root and of each place on
    the way at which the state or the interventions changed; `chunks` goes on from there as the branch did.
    """

    changes: tuple[tuple[int, int], ...] = ()


def branch_text(session: Session, branch: str | None = None) -> tuple[list[int], BranchStart]:
    """The tokens of a branch, and the state from which they were read. UsageError if there are none."""
    timeline, name = session.behaviour.cursor.timeline, branch or session.branch
    ids, here = session.ids(name), session.behaviour.navigator.node(name)
    if not ids:
        given = session.behaviour.cursor.timeline.given(here)
        why = f"begins with the state of {given.name} and has read nothing since" if given else "has no text yet"
        raise UsageError(f"{name} {why}", hint="give a TEXT, or @FILE")
    changes, depth = {0: timeline.root(here)}, 0
    for run, first, last in timeline.runs_to(here):
        if timeline.read[timeline.run_of(before := timeline.parent[run])] == Read.CHANGED:
            changes[depth] = before
        depth += last + 1 - first
    record = session.behaviour.record(changes[0], name)
    start = BranchStart(record.state, record.outputs, record.given, record.source, changes=tuple(changes.items()))
    return ids, start


def _chunks(cursor: Cursor, ids: list[int], record: StateRecord | None) -> Iterator[Trace]:
    tail, position = (cursor.tail(), cursor.position) if record is None else (b"", record.given.position)
    for some, decoder, state, before in _stretches(cursor, ids, record):
        tells_tokens = before.ndim == 1 and not cursor.model.labels
        for start in range(0, len(some), CHUNK):
            if cursor.interrupted:
                raise UsageError("interrupted before the text was traced", code="interrupt")
            part = some[start : start + CHUNK]
            outputs, state, arrays = _read(decoder, part, state)
            texts = []
            for token in part:
                text, tail = cursor.token_text.read(token, tail)
                texts.append(text)
            surprisal = _surprisal(part, np.concatenate((before[None], outputs[:-1]))) if tells_tokens else None
            yield Trace(position, tuple(part), tuple(texts), before, outputs, surprisal, arrays)
            before, position = outputs[-1], position + len(part)


def _stretches(cursor: Cursor, ids: list[int], record: StateRecord | None) -> Iterator[Stretch]:
    """The tokens between two changes, with the decoder that reads them, the state and the outputs [V] before them."""
    if record is None:
        yield ids, cursor.decoder, cursor.here.state, cursor.outputs()
    elif not isinstance(record, BranchStart):
        yield ids, cursor.decoder, cursor.own(record.state), record.outputs[0]
    else:
        places = [*record.changes, (len(ids), -1)]
        for (start, node), (end, _) in pairwise(places):
            if some := ids[start:end]:
                snapshot = cursor.snapshot(node)
                assert snapshot.outputs is not None  # `Cursor.snapshot` returns whole ones
                yield some, cursor.decoder_with(cursor.timeline.active_at(node)), snapshot.state, snapshot.outputs[0]


def _read(decoder: CheckedDecoder, ids: list[int], state: State) -> tuple[NDArray[Any], State, Arrays]:
    """Returns the outputs after each id [T, V], the last state, and by name [T, ...]."""
    found = decoder.trace(np.array([ids], np.int64), state)
    if found is None:
        return _stepped(decoder, ids, state)
    outputs, state, arrays = found
    return outputs[0], state, {name: array[0] for name, array in arrays.items()}


def _stepped(decoder: CheckedDecoder, ids: list[int], state: State) -> tuple[NDArray[Any], State, Arrays]:
    """Read ids step by step. Returns the outputs [T, V], the last state, and each leaf by its address [T, ...]."""
    outputs, states = [], [state]
    for token in ids:
        rows, state = decoder.step(np.array([token], np.int64), state)
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
