"""The states of a search: batched, step by step, and the path of each hypothesis through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.growth import Grown, as_grown, new_part, whole_path
from seqshell.core.sampling import Batch, Hypothesis
from seqshell.core.state import State, leaf_rows, leaf_size, leaves, replace_leaves
from seqshell.decoding.chain import Memories

MAX_BYTES = 256 << 20  # bytes of states and outputs; above it, those that no hypothesis needs are dropped


class PathNode:
    """One token of a hypothesis, and where the state after it is: in a row of a record.

    A root has no token; its row is the start's.

    memories: those of the samplers after the token. tail: the bytes in which a stop text may have begun.
    """

    __slots__ = ("memories", "parent", "record", "row", "tail", "token")

    def __init__(
        self, parent: PathNode | None, token: int, record: int, row: int, memories: Memories = (), tail: bytes = b""
    ) -> None:
        self.parent, self.token, self.record, self.row, self.memories, self.tail = (
            parent,
            token,
            record,
            row,
            memories,
            tail,
        )

    def path(self) -> list[PathNode]:
        """The nodes from the root, which comes first, to this one."""
        found, node = [], self
        while node.parent is not None:
            found.append(node)
            node = node.parent
        found.append(node)
        return found[::-1]

    def ids(self) -> list[int]:
        """The tokens from the root to this one."""
        return [node.token for node in self.path()[1:]]


class ExtendedHistory(Sequence[int]):
    """A history followed by the ids of a hypothesis, without copying the history."""

    __slots__ = ("_before", "_ids")

    def __init__(self, before: Sequence[int], ids: list[int]) -> None:
        self._before, self._ids = before, ids

    def __len__(self) -> int:
        return len(self._before) + len(self._ids)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        size = len(self._before)
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return [*self._before[start : min(stop, size)], *self._ids[max(0, start - size) : max(0, stop - size)]]
            return [self[place] for place in range(start, stop, step)]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError("position outside the history")
        return self._before[place] if place < size else self._ids[place - size]


class _Kept(NamedTuple):
    """A leaf [R, ...] as a step left it, or along an axis what the step added to it."""

    axis: int | None
    array: Any


class Trail:
    """The batch of a running search: `state` and `outputs` [R, V] of its live rows, and the earlier ones that are
    needed.

    Of a leaf that a step makes longer along one axis, such as a cache, only what it adds is stored.

    A leaf is constant if every step so far returned the same object, such as an encoded source: all hypotheses of one
    row share its value. It is not reordered while each row stays with its beginning, and not stored for every step; an
    answer contains one object.
    """

    def __init__(self, decoder: Decoder, start: Batch, keeps_states: bool) -> None:
        self.state: State = start.state
        self.outputs: NDArray[Any] = start.outputs
        self._decoder = decoder
        self._keeps = keeps_states
        self._roots, self._num_roots = list(leaves(start.state)), len(start.outputs)
        self._of_row: dict[tuple[int, int], Any] = {}  # row of a constant leaf
        self._constant = [True] * len(self._roots)
        self._records: list[tuple[list[_Kept | None], NDArray[Any]]] = []  # of each step: leaves and outputs
        self._bytes = 0
        self._limit = MAX_BYTES
        self.num_steps = 0

    def advance(self, tokens: NDArray[np.int64], parents: NDArray[np.int64], *, stay: bool) -> None:
        """Read tokens [R] after the rows `parents` [R].

        stay: True if every row has the same beginning as the one in its place before.
        """
        if not (stay and np.array_equal(parents, np.arange(len(self.outputs)))):
            self.state = self._rows(parents, stay)
        outputs, state = self._decoder.step(tokens, self.state)
        self.record(state, outputs)

    def keep_rows(self, kept: NDArray[np.int64]) -> None:
        """Keep some of the rows only."""
        self.state, self.outputs = self._rows(kept, False), self.outputs[kept]

    def _rows(self, which: NDArray[np.int64], stay: bool) -> State:
        old = zip(leaves(self.state), self._constant, strict=True)
        return replace_leaves(
            self.state, iter([leaf if stay and constant else leaf_rows(leaf, which) for leaf, constant in old])
        )

    def record(self, state: State, outputs: NDArray[Any]) -> None:
        """Continue from the result of a step after `self.state`."""
        pairs = zip(leaves(state), leaves(self.state), self._constant, strict=True)
        constants, kept = [], []
        for new, old, was_constant in pairs:
            constants.append(constant := was_constant and new is old)
            kept.append(None if constant or not self._keeps else _Kept(*(new_part(new, old) or (None, new))))
        self._constant = constants
        self.state, self.outputs = state, outputs
        self.num_steps += 1
        if self._keeps:
            self._records.append((kept, outputs))
            self._bytes += _size(kept, outputs)

    def thin(self, ends: Iterable[PathNode | None]) -> None:
        """If the records have become large, keep only the rows on the paths to `ends`."""
        if self._bytes <= self._limit:
            return
        passed: list[dict[int, PathNode]] = [{} for _ in self._records]
        for end in ends:
            node = end
            while node is not None and node.parent is not None and id(node) not in passed[node.record]:
                passed[node.record][id(node)] = node
                node = node.parent
        self._bytes = 0
        for index, (nodes, (kept, outputs)) in enumerate(zip(passed, self._records, strict=True)):
            if len(nodes) < len(outputs):
                rows = np.array([node.row for node in nodes.values()], np.int64)
                kept = [None if leaf is None else leaf._replace(array=leaf_rows(leaf.array, rows)) for leaf in kept]
                outputs = outputs[rows]
                self._records[index] = kept, outputs
                for row, node in enumerate(nodes.values()):
                    node.row = row
            self._bytes += _size(kept, outputs)
        self._limit = max(MAX_BYTES, 2 * self._bytes)

    def hypothesis(self, end: PathNode, length: int, log_prob: float, score: float, stop: str = "") -> Hypothesis:
        """The first `length` tokens on the path to `end`, with the states and outputs after each if they are kept."""
        root, *nodes = end.path()
        nodes = nodes[:length]
        states = tuple(self._states(nodes, root.row)) if self._keeps else ()
        outputs = tuple(self._records[node.record][1][[node.row]] for node in nodes) if self._keeps else ()
        return Hypothesis(tuple(node.token for node in nodes), log_prob, score, states, outputs, stop)

    def _states(self, nodes: list[PathNode], root_row: int) -> Iterator[State]:
        """The state after each token of a path."""
        columns = [self._column(index, nodes, root_row) for index in range(len(self._roots))]
        for number in range(len(nodes)):
            yield replace_leaves(self.state, iter([column[number] for column in columns]))

    def _column(self, index: int, nodes: list[PathNode], root_row: int) -> list[Any]:
        """One leaf of each state on a path."""
        found = []
        before = self._root_leaf(index, root_row)
        for node in nodes:
            kept = self._records[node.record][0][index]
            if kept is None:
                before = self._root_leaf(index, root_row)
            elif kept.axis is None:
                before = leaf_rows(kept.array, [node.row])
            else:
                before = Grown(as_grown(before, kept.axis), kept.array[[node.row]], kept.axis)
            found.append(before)
        return whole_path(found)

    def _root_leaf(self, index: int, row: int) -> Any:
        leaf = self._roots[index]
        if self._num_roots == 1:
            return leaf
        if (index, row) not in self._of_row:
            self._of_row[index, row] = leaf_rows(leaf, [row])
        return self._of_row[index, row]


def _size(kept: list[_Kept | None], outputs: NDArray[Any]) -> int:
    return outputs.nbytes + sum(leaf_size(leaf.array) for leaf in kept if leaf is not None)
