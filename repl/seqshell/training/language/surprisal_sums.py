"""The nats of a text, by both protocols of `evaluation`, with a decoder's own surprisals, on all cores, without torch.

"carry" is one stream, but a core multiplies weights with several rows in little more time than with one. So the text is
divided into rows, which are read together. All but the first begin with the initial state; then each is read again from
the state with which the row before it ended, until its states are those of the time before within TOLERANCE: from there
on, its surprisals are the same, too. That repeats until the rows follow from one another. A model forgets, usually
within some thousands of tokens; for one that does not, it is as many steps as one stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.state import State, as_array, leaves, map_leaves, rows
from seqshell.core.threads import in_threads

CHUNK = 256  # tokens of a row between two comparisons
ROWS_PER_CORE = 3  # of a carried text: with more, a core is not much faster, and more is read twice
LONGEST_ROW = 128 * CHUNK  # so that few states are kept
LEAST = 1024  # S rows have S times as many tokens at least
BLOCKS_TOGETHER = 48
TOLERANCE = 1e-3  # between states, relative to 1 or to the number itself if it is larger

Surprisals = Callable[[NDArray[Any], NDArray[Any], State], tuple[NDArray[Any], State]]


def carried_sum(decoder: Decoder, surprisals: Surprisals, ids: NDArray[Any], num_threads: int) -> float:
    """The nats of ids[1:], with the state carried. surprisals: the method of the decoder, see Decoder."""
    total, start, state = 0.0, 0, decoder.initial_state(1)
    while start < ids.size - 1:
        number = ids.size - 1 - start
        most = max(1, min(ROWS_PER_CORE * num_threads, math.isqrt(number // LEAST)))
        length = min(LONGEST_ROW, -(-number // (most * CHUNK)) * CHUNK)
        some = ids[start : start + most * length + 1]
        nats, state = _Rows(decoder, surprisals, some, length, state, num_threads).read()
        total += nats
        start += some.size - 1
    return total


def block_sum(decoder: Decoder, surprisals: Surprisals, ids: NDArray[Any], block: int, num_threads: int) -> float:
    """The nats of ids[1:] in blocks of `block` targets, each from the initial state; the last one is shorter."""
    number = ids.size - 1
    whole = number // block
    parts = [(start * block, min(start + BLOCKS_TOGETHER, whole) * block) for start in range(0, whole, BLOCKS_TOGETHER)]
    parts += [(whole * block, number)] * (number > whole * block)

    def read(part: tuple[int, int], check: Callable[[], None]) -> Iterator[float]:
        check()
        start, end = part
        inputs, targets = (
            ids[start + first : end + first].astype(np.int64).reshape(-1, min(block, end - start)) for first in (0, 1)
        )
        yield float(surprisals(inputs, targets, decoder.initial_state(len(inputs)))[0].sum())

    return math.fsum(in_threads(read, parts, num_threads))


class _Rows:
    """A text whose rows of `length` targets follow from one another; the last one may be shorter."""

    def __init__(
        self,
        decoder: Decoder,
        surprisals: Surprisals,
        ids: NDArray[Any],
        length: int,
        state: State,
        num_threads: int,
    ) -> None:
        self._surprisals, self._ids, self._length, self._num_threads = surprisals, ids, length, num_threads
        self._number = -(-(ids.size - 1) // length)
        chunks = -(-length // CHUNK)
        self._nats = np.zeros((self._number, chunks))
        self._states: list[list[State | None]] = [[None] * chunks for _ in range(self._number)]
        self._starts = [state, *[decoder.initial_state(1)] * (self._number - 1)]

    def read(self) -> tuple[float, State]:
        """The nats of all targets, and the state after them."""
        wrong = list(range(self._number))
        while wrong:
            self._read_rows(wrong)
            wrong = [
                row + 1
                for row in wrong
                if row + 1 < self._number and not _is_close(self._starts[row + 1], self._last(row))
            ]
            for row in wrong:
                self._starts[row] = self._last(row - 1)
        return float(self._nats.sum()), self._last(self._number - 1)

    def _last(self, row: int) -> State:
        """The state after a row, which has been read."""
        return next(state for state in reversed(self._states[row]) if state is not None)

    def _read_rows(self, which: list[int]) -> None:
        """Read these rows from where they start, until their states are those of the last time."""
        number = min(self._num_threads, len(which))
        for _ in in_threads(self._read_together, [which[first::number] for first in range(number)], number):
            pass

    def _read_together(self, which: list[int], check: Callable[[], None]) -> Iterator[None]:
        """The same for rows that one thread reads."""
        states, chunk = {row: self._starts[row] for row in which}, 0
        while states:
            check()
            for some, size in self._of_one_size(states, chunk):
                starts = [row * self._length + chunk * CHUNK for row in some]
                inputs, targets = (
                    np.stack([self._ids[start + first : start + first + size] for start in starts], dtype=np.int64)
                    for first in (0, 1)
                )
                nats, after = self._surprisals(inputs, targets, _joined([states[row] for row in some]))
                self._nats[some, chunk] = nats.sum(1)
                for place, row in enumerate(some):
                    before, states[row] = self._states[row][chunk], rows(after, [place])
                    self._states[row][chunk] = states[row]
                    if before is not None and _is_close(before, states[row]):
                        del states[row]
            yield
            chunk += 1

    def _of_one_size(self, states: dict[int, State], chunk: int) -> list[tuple[list[int], int]]:
        """The rows whose chunk has the same number of targets, and that number; rows that are read are removed."""
        found: dict[int, list[int]] = {}
        for row in list(states):
            start = chunk * CHUNK
            size = min(CHUNK, self._length - start, self._ids.size - 1 - row * self._length - start)
            if size > 0:
                found.setdefault(size, []).append(row)
            else:
                del states[row]
        return [(some, size) for size, some in found.items()]


def _joined(states: Sequence[State]) -> State:
    """One state with the rows of all."""
    return map_leaves(lambda *each: np.concatenate([as_array(leaf) for leaf in each]), *states)


def _is_close(one: State, other: State) -> bool:
    pairs = zip(leaves(one), leaves(other), strict=True)
    return all(
        bool((np.abs(a - b) <= TOLERANCE * np.maximum(1, np.abs(b))).all())
        for a, b in ((as_array(a), as_array(b)) for a, b in pairs)
    )
