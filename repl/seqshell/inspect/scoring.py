"""Surprisal and entropy of each token of a text from the state here, or of many texts from fresh states, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import rows
from seqshell.core.threads import in_threads
from seqshell.decoding.probabilities import log_probs
from seqshell.session.cores import num_threads
from seqshell.session.cursor import Cursor

CHUNK = 256  # tokens of one text that are measured together
BATCH = 64  # texts that are read together
BATCHES_IN_ORDER = 4  # texts of similar length are read together; after so many batches, all come out in their order
MAX_OUTPUTS = 4_000_000  # numbers that are measured together: a large vocabulary makes the parts smaller

Ids = Sequence[int] | NDArray[Any]


@dataclass(frozen=True, eq=False)
class Part:
    """What was measured of a text: the surprisals and the entropies before its tokens from `start` on, [T] in nats.

    text: its number, from 0.
    """

    text: int
    start: int
    surprisals: NDArray[np.float64]
    entropies: NDArray[np.float64]


def continued(cursor: Cursor, ids: Ids) -> Iterator[Part | int]:
    """The parts of one text from the state here, computed as `Scoring` does; the cursor does not move.

    Between them, it yields the number of tokens since the last time, where it can be stopped. An interrupt ends it.
    """
    outputs, state = cursor.outputs(), cursor.here.state
    size = max(1, min(CHUNK, MAX_OUTPUTS // max(1, outputs.size)))
    for start in range(0, len(ids), size):
        part = list(map(int, ids[start : start + size]))
        if cursor.interrupted:
            return
        read = part if start + len(part) < len(ids) else part[:-1]  # the last token of all is not read
        if read and (found := cursor.decoder.outputs_of_steps(read, state)) is not None:
            each, state = found
            yield len(part)
            yield Part(0, start, *measured(np.concatenate((outputs[None], each))[: len(part)], np.array(part)))
            outputs = each[-1]
            continue
        before = []
        for place, token in enumerate(part, start + 1):
            if cursor.interrupted:
                return
            before.append(outputs)
            if place < len(ids):
                stepped, state = cursor.decoder.step(np.array([token], np.int64), state)
                outputs = stepped[0]
            yield 1
        yield Part(0, start, *measured(np.stack(before), np.array(part)))


def fresh(cursor: Cursor, texts: Sequence[Ids]) -> Iterator[Part | int]:
    """The parts of many texts, each from the initial state and whole, in their order; empty ones have none.

    Between them, it yields the number of tokens since the last time, as `continued` does.
    """
    vocab_size = max(1, int(np.prod(cursor.decoder.shape)))
    size = max(1, min(BATCH, MAX_OUTPUTS // vocab_size))
    numbers = [number for number, ids in enumerate(texts) if len(ids)]
    threads = num_threads(cursor.model)

    def read(batch: list[int], check: Callable[[], None]) -> Iterator[Part | int]:
        for step in _together(cursor, [texts[number] for number in batch]):
            check()
            if cursor.interrupted:
                return
            yield step if isinstance(step, int) else replace(step, text=batch[step.text])

    for window in _groups(numbers, size * BATCHES_IN_ORDER):
        found: dict[int, Part] = {}
        batches = list(_groups(sorted(window, key=lambda number: -len(texts[number])), size))
        for step in in_threads(read, batches, threads):
            if isinstance(step, int):
                yield step
            else:
                found[step.text] = step
        if cursor.interrupted:
            return
        yield from (found[number] for number in window)


def _groups(numbers: list[int], size: int) -> Iterator[list[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


def _together(cursor: Cursor, texts: Sequence[Ids]) -> Iterator[Part | int]:
    """The parts of texts that are read together, the longest first."""
    lengths = np.array(list(map(len, texts)))
    ids = np.zeros((len(texts), lengths[0]), np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
    measures = np.zeros((2, *ids.shape))
    outputs, state = np.repeat(cursor.no_outputs(), len(texts), 0), cursor.decoder.initial_state(len(texts))
    for place in range(ids.shape[1]):
        num_rows = len(outputs)
        measures[:, :num_rows, place] = measured(outputs, ids[:num_rows, place])
        left = int((lengths > place + 1).sum())
        if left:
            state = rows(state, slice(left)) if left < num_rows else state
            outputs, state = cursor.decoder.step(ids[:left, place], state)
        yield num_rows
    for row, length in enumerate(lengths):
        yield Part(row, 0, *measures[:, row, :length])


def measured(outputs: NDArray[Any], ids: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The surprisals of tokens [N] and the entropies before them [N], in nats; outputs: logits [N, V]."""
    logs = log_probs(outputs)
    surprisals = -np.take_along_axis(logs, ids[:, None], 1)[:, 0]
    probs = np.exp(logs)
    logs[probs == 0] = 0  # what is impossible adds nothing
    return surprisals + 0.0, -(probs * logs).sum(1) + 0.0  # a certain token has 0, not -0
