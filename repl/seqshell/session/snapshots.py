"""Snapshots, and the store that keeps them within a budget of memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.sampling import Sampler
from seqshell.core.state import State, leaves
from seqshell.session.timeline import STRIDE, Read, Timeline

Memories = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One moment: the state after the node's token, the outputs [1, V] for the next one, and what the samplers remember.

    memories: one for each sampler of `samplers`, the chain that they belong to; under another chain they count for nothing.
    outputs is None in a snapshot of the store that has lost them. The tail of an incomplete UTF-8 character and the beginning of a
    stop text are read off the ids, which are kept for ever.
    """

    node: int
    state: State = field(repr=False)
    outputs: NDArray[Any] | None = field(repr=False)
    memories: Memories = field(default=(), repr=False)
    samplers: tuple[Sampler, ...] = ()


class Store:
    """The snapshots of a timeline. Recent ones stay whole; over the budget, old ones lose their outputs first, then thin out.

    What is left for ever, whatever the budget, is every snapshot at a depth that is a multiple of STRIDE, those that a strategy found
    (nothing else could compute them again), and the samplers' memories. Each array counts once, by identity, with what it is a view of.

    Of translations less is left: their roots go, for the source is encoded again, and so does what a search found, for nothing is ever
    drawn after a part of a translation. Its states are then computed by single steps, which differ in the last bits from those of a batch.
    """

    def __init__(self, timeline: Timeline, budget: float) -> None:
        self._timeline = timeline
        self._budget = budget  # bytes
        self._snapshots: list[Snapshot | None] = []  # by node
        self._memories: dict[int, tuple[Memories, tuple[Sampler, ...]]] = {}  # of nodes whose snapshot is gone
        self._uses: dict[int, int] = {}  # how many snapshots hold an array
        self._bytes = 0
        self._kept = self._whole = 0
        self._counted = self._stripped = self._thinned = 0  # nodes below are counted, have no outputs, are thinned out
        self._next_count = 1

    @property
    def budget(self) -> float:
        """Bytes that the arrays may take."""
        return self._budget

    @budget.setter
    def budget(self, budget: float) -> None:
        self._budget = budget
        self.count()

    @property
    def bytes(self) -> int:
        """Bytes that the arrays take."""
        self.count()
        return self._bytes

    @property
    def kept(self) -> int:
        """How many snapshots there are."""
        self.count()
        return self._kept

    @property
    def whole(self) -> int:
        """How many of them have their outputs."""
        self.count()
        return self._whole

    @property
    def is_thinned(self) -> bool:
        """Whether there are moments that cost some steps to go back to."""
        self.count()
        return self._thinned > 0

    def add(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, which must be of the last node of the timeline; nodes since the one before have none."""
        snapshots = self._snapshots
        missing = snapshot.node - len(snapshots)
        if missing:
            snapshots.extend([None] * missing)
        snapshots.append(snapshot)
        if len(snapshots) >= self._next_count:
            self.count()

    def get(self, node: int) -> Snapshot | None:
        """The snapshot of a node, perhaps without outputs; None where there is none."""
        return self._snapshots[node] if node < len(self._snapshots) else None

    def memories(self, node: int) -> tuple[Memories, tuple[Sampler, ...]] | None:
        """What the samplers remembered at a node whose snapshot is gone; None where they remembered nothing."""
        return self._memories.get(node)

    def restore_memories(self, node: int, memories: Memories, samplers: tuple[Sampler, ...]) -> None:
        """Know the memories of a node without a snapshot."""
        self._memories[node] = memories, samplers

    def remembered(self) -> Iterator[tuple[int, Memories, tuple[Sampler, ...]]]:
        """(node, memories, samplers) wherever a sampler remembers something."""
        for node, (memories, samplers) in self._memories.items():
            yield node, memories, samplers
        for snapshot in self._snapshots:
            if snapshot is not None and _remembers(snapshot.memories):
                yield snapshot.node, snapshot.memories, snapshot.samplers

    def count(self) -> None:
        """Count what was added since the last time, and let go of what is over the budget."""
        snapshots = self._snapshots
        new = len(snapshots) - self._counted
        before = self._bytes
        for snapshot in snapshots[self._counted :]:
            if snapshot is not None:
                self._kept += 1
                self._whole += snapshot.outputs is not None
                self._hold(snapshot)
        self._counted = len(snapshots)
        size = max(1, (self._bytes - before) // max(new, 1))  # bytes of one
        # Counting now and then costs less than counting always; the budget may be passed by a sixteenth in between.
        pause = int(min(256, max(1, self._budget / 16 / size)))
        self._next_count = len(snapshots) + pause
        if self._bytes > self._budget:
            recent = len(snapshots) - 4 * pause
            self._stripped = self._sweep(self._stripped, recent, self._strip)
            self._thinned = self._sweep(self._thinned, recent, self._thin)
            self._stripped = self._sweep(self._stripped, len(snapshots), self._strip)
            self._thinned = self._sweep(self._thinned, len(snapshots), self._thin)

    def _sweep(self, start: int, end: int, let_go: Any) -> int:
        """Go over the nodes from `start` until the budget holds or `end` is reached; returns where to go on."""
        timeline = self._timeline
        while start < end and self._bytes > self._budget:
            run = timeline.run_of(start)
            last = timeline.first[run + 1] if run + 1 < timeline.num_runs else len(timeline)
            stop = min(end, last, start + 64)
            if timeline.read[run] != Read.FOUND or timeline.source(start) is not None:
                for node in range(start, stop):
                    snapshot = self._snapshots[node]
                    if snapshot is not None:
                        let_go(snapshot, timeline.base[run] + 1 + node - timeline.first[run])
            start = stop
        return start

    def _strip(self, snapshot: Snapshot, depth: int) -> None:
        if snapshot.outputs is not None and depth:
            self._whole -= 1
            self._release(snapshot.outputs)
            self._snapshots[snapshot.node] = Snapshot(
                snapshot.node, snapshot.state, None, snapshot.memories, snapshot.samplers
            )

    def _thin(self, snapshot: Snapshot, depth: int) -> None:
        if depth % STRIDE or snapshot.node in self._timeline.sources:
            self._kept -= 1
            self._whole -= snapshot.outputs is not None
            self._snapshots[snapshot.node] = None
            for array in _arrays(snapshot):
                self._release(array)
            if _remembers(snapshot.memories):
                self._memories[snapshot.node] = snapshot.memories, snapshot.samplers

    def _hold(self, snapshot: Snapshot) -> None:
        uses = self._uses
        for array in _arrays(snapshot):
            owner = _owner(array)
            key = id(owner)  # no other array can take the id while the snapshot lives
            uses[key] = known = uses.get(key, 0) + 1
            if known == 1:
                self._bytes += owner.nbytes

    def _release(self, array: NDArray[Any]) -> None:
        owner = _owner(array)
        key = id(owner)
        self._uses[key] -= 1
        if not self._uses[key]:
            del self._uses[key]
            self._bytes -= owner.nbytes


def _arrays(snapshot: Snapshot) -> list[NDArray[Any]]:
    state = snapshot.state
    arrays = list(leaves(state)) if isinstance(state, tuple) else [state]
    if snapshot.outputs is not None:
        arrays.append(snapshot.outputs)
    return arrays


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """The array whose memory this one shows: what really stays alive with it."""
    base = array.base
    return base if isinstance(base, np.ndarray) else array


def _remembers(memories: Memories) -> bool:
    return any(memory is not None for memory in memories)
