"""A snapshot: the model at one node. And steps of an answer, whose snapshots are made when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.core.growth import whole_state
from seqshell.core.sampling import Sampler
from seqshell.core.state import State

Memories = tuple[Any, ...]  # one per sampler of a chain


class Snapshot(NamedTuple):
    """The state after a node's token, the outputs [1, V] for the next token, and what the samplers remember.

    memories: one for each sampler of `samplers`, the chain they belong to; another chain ignores them. outputs: None in
    a stored snapshot that has lost them. An incomplete UTF-8 character and the beginning of a stop text are not stored:
    they are computed from the ids, which are never deleted.
    """

    node: int
    state: State
    outputs: NDArray[Any] | None
    memories: Memories = ()
    samplers: tuple[Sampler, ...] = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Snapshot(node={self.node!r}, samplers={self.samplers!r})"


class Steps:
    """A block of tokens of an answer, which are committed one after the other, at nodes that follow each other.

    states, outputs: those after each token; the outputs may be an array [N, 1, V]. memories: those after every token.
    """

    __slots__ = ("_first", "_made", "_num_done", "memories", "outputs", "samplers", "states", "tokens")

    def __init__(
        self,
        tokens: Sequence[int],
        states: Sequence[State],
        outputs: Sequence[NDArray[Any]],
        memories: Memories,
        samplers: tuple[Sampler, ...],
    ) -> None:
        self.tokens, self.states, self.outputs = tokens, states, outputs
        self.memories, self.samplers = memories, samplers
        self._made: dict[int, Snapshot] | None = None
        self._first = self._num_done = 0

    def rows(self) -> list[NDArray[Any]]:
        """The outputs after each step, [V]."""
        if isinstance(self.outputs, np.ndarray):
            return list(self.outputs[:, 0])
        return [row[0] for row in self.outputs]

    def take(self, node: int) -> None:
        """Note that the next step is committed at a node."""
        if not self._num_done:
            self._first = node
        self._num_done += 1

    @property
    def last(self) -> Snapshot:
        """The snapshot of the last step that was committed."""
        return self.snapshot(self._first + self._num_done - 1)

    def snapshot(self, node: int) -> Snapshot:
        """The snapshot of a node: the same object each time."""
        if self._made is None:
            self._made = {}
        if node not in self._made:
            self._made[node] = self.new_snapshot(node)
        return self._made[node]

    def new_snapshot(self, node: int) -> Snapshot:
        """The snapshot of a node, not kept."""
        index = node - self._first
        return Snapshot(node, self.states[index], self.outputs[index], self.memories, self.samplers)


def has_memory(memories: Memories) -> bool:
    """True if at least one sampler remembers something."""
    return any(memory is not None for memory in memories)


def in_one_piece(snapshot: Snapshot) -> Snapshot:
    """A snapshot with each leaf in one piece."""
    return snapshot._replace(state=whole_state(snapshot.state))
