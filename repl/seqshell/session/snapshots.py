"""Snapshots, and the store that keeps them within a memory budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.sampling import Sampler
from seqshell.core.state import State, leaves
from seqshell.session.timeline import STRIDE, Read, Timeline

Memories = tuple[Any, ...]  # one per sampler of a chain


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The state after a node's token, the outputs [1, V] for the next token, and what the samplers remember.

    memories: one for each sampler of `samplers`, the chain they belong to; another chain ignores them. outputs: None in
    a stored snapshot that has lost them. An incomplete UTF-8 character and the beginning of a stop text are not stored:
    they are computed from the ids, which are never deleted.
    """

    node: int
    state: State = field(repr=False)
    outputs: NDArray[Any] | None = field(repr=False)
    memories: Memories = field(default=(), repr=False)
    samplers: tuple[Sampler, ...] = ()


class SnapshotStore:
    """The snapshots of a timeline, within a budget: over it, the oldest snapshots first lose their outputs, then go.

    Whatever the budget, these stay: every snapshot at a depth that is a multiple of STRIDE, the snapshots of a search
    (nothing else can compute them again) and the samplers' memories. So every snapshot can be computed again by at most
    STRIDE steps.

    Translations keep less: their roots go, because the source can be encoded again, and so do the snapshots of a
    search, because no token is drawn after a part of a translation. Their states are then computed by single steps,
    which differ in the last bits from those of a batch.

    The size in bytes counts each array once, by identity, including the larger array that it is a view of: arrays that
    snapshots share, such as an encoded source, are kept as long as one of them is.
    """

    def __init__(self, timeline: Timeline, budget: float) -> None:
        self._timeline = timeline
        self._budget = budget  # bytes
        self._snapshots: list[Snapshot | None] = []  # by node
        self._memories: dict[int, tuple[Memories, tuple[Sampler, ...]]] = {}  # of nodes without a snapshot
        self._uses: dict[int, int] = {}  # number of snapshots that hold an array, by the array's id
        self._bytes = 0
        self._kept = self._whole = 0
        # All nodes below these numbers were counted, lost their outputs, or were removed where possible.
        self._counted = self._stripped = self._thinned = 0
        self._next_count = 1

    @property
    def budget(self) -> float:
        """The number of bytes that the arrays may take."""
        return self._budget

    @budget.setter
    def budget(self, budget: float) -> None:
        self._budget = budget
        self.count()

    @property
    def bytes(self) -> int:
        """The number of bytes that the arrays take."""
        self.count()
        return self._bytes

    @property
    def kept(self) -> int:
        """The number of snapshots."""
        self.count()
        return self._kept

    @property
    def whole(self) -> int:
        """The number of snapshots that have their outputs."""
        self.count()
        return self._whole

    @property
    def is_thinned(self) -> bool:
        """True if going back may read some tokens again."""
        self.count()
        return self._thinned > 0

    def add(self, snapshot: Snapshot) -> None:
        """Keep the snapshot of the timeline's last node; nodes between it and the previous snapshot have none."""
        snapshots = self._snapshots
        missing = snapshot.node - len(snapshots)
        if missing:
            snapshots.extend([None] * missing)
        snapshots.append(snapshot)
        if len(snapshots) >= self._next_count:
            self.count()

    def get(self, node: int) -> Snapshot | None:
        """The snapshot of a node, perhaps without outputs; None if there is none."""
        return self._snapshots[node] if node < len(self._snapshots) else None

    def memories(self, node: int) -> tuple[Memories, tuple[Sampler, ...]] | None:
        """What the samplers remembered at a node without a snapshot; None if they remembered nothing."""
        return self._memories.get(node)

    def restore_memories(self, node: int, memories: Memories, samplers: tuple[Sampler, ...]) -> None:
        """Set what the samplers remembered at a node without a snapshot."""
        self._memories[node] = memories, samplers

    def all_memories(self) -> Iterator[tuple[int, Memories, tuple[Sampler, ...]]]:
        """(node, memories, samplers) of each node at which a sampler remembers something."""
        for node, (memories, samplers) in self._memories.items():
            yield node, memories, samplers
        for snapshot in self._snapshots:
            if snapshot is not None and has_memory(snapshot.memories):
                yield snapshot.node, snapshot.memories, snapshot.samplers

    def count(self) -> None:
        """Add up the snapshots that are new since the last call, and free those over the budget."""
        snapshots = self._snapshots
        new = len(snapshots) - self._counted
        before = self._bytes
        for snapshot in snapshots[self._counted :]:
            if snapshot is not None:
                self._kept += 1
                self._whole += snapshot.outputs is not None
                self._hold(snapshot)
        self._counted = len(snapshots)
        size = max(1, (self._bytes - before) // max(new, 1))  # bytes per snapshot
        # Counting once per `pause` snapshots is cheaper than per token; the budget is exceeded by a sixteenth at most.
        pause = int(min(256, max(1, self._budget / 16 / size)))
        self._next_count = len(snapshots) + pause
        if self._bytes > self._budget:
            # Old snapshots first: their outputs, then all but every STRIDE-th. Recent ones only if that is not enough.
            # Each sweep continues where it ended, so that every snapshot is looked at twice in all, not once per call.
            recent = len(snapshots) - 4 * pause
            for end in (recent, len(snapshots)):
                self._stripped = self._sweep(self._stripped, end, self._strip)
                self._thinned = self._sweep(self._thinned, end, self._thin)

    def _sweep(self, start: int, end: int, free: Callable[[Snapshot, int], None]) -> int:
        """Call `free` on snapshots from node `start` to `end`, until the budget is met; returns where to continue."""
        timeline = self._timeline
        while start < end and self._bytes > self._budget:
            run = timeline.run_of(start)
            last = timeline.first[run + 1] if run + 1 < timeline.num_runs else len(timeline)
            stop = min(end, last, start + 64)
            if timeline.read[run] != Read.FOUND or timeline.source(start) is not None:
                for node in range(start, stop):
                    snapshot = self._snapshots[node]
                    if snapshot is not None:
                        free(snapshot, timeline.base[run] + 1 + node - timeline.first[run])
            start = stop
        return start

    def _strip(self, snapshot: Snapshot, depth: int) -> None:
        """Drop the outputs of a snapshot."""
        if snapshot.outputs is not None and depth:
            self._whole -= 1
            self._release(snapshot.outputs)
            self._snapshots[snapshot.node] = Snapshot(
                snapshot.node, snapshot.state, None, snapshot.memories, snapshot.samplers
            )

    def _thin(self, snapshot: Snapshot, depth: int) -> None:
        """Drop a snapshot that can be computed again, but keep its memories."""
        if depth % STRIDE or snapshot.node in self._timeline.sources:
            self._kept -= 1
            self._whole -= snapshot.outputs is not None
            self._snapshots[snapshot.node] = None
            for array in _arrays(snapshot):
                self._release(array)
            if has_memory(snapshot.memories):
                self._memories[snapshot.node] = snapshot.memories, snapshot.samplers

    def _hold(self, snapshot: Snapshot) -> None:
        uses = self._uses
        for array in _arrays(snapshot):
            owner = _owner(array)
            key = id(owner)  # no other array can have this id while the snapshot exists
            uses[key] = number = uses.get(key, 0) + 1
            if number == 1:
                self._bytes += owner.nbytes

    def _release(self, array: NDArray[Any]) -> None:
        owner = _owner(array)
        key = id(owner)
        self._uses[key] -= 1
        if not self._uses[key]:
            del self._uses[key]
            self._bytes -= owner.nbytes


def has_memory(memories: Memories) -> bool:
    """True if at least one sampler remembers something."""
    return any(memory is not None for memory in memories)


def _arrays(snapshot: Snapshot) -> list[NDArray[Any]]:
    state = snapshot.state
    arrays = list(leaves(state)) if isinstance(state, tuple) else [state]
    if snapshot.outputs is not None:
        arrays.append(snapshot.outputs)
    return arrays


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """The array that owns the memory: as long as a view exists, all of it stays allocated."""
    base = array.base
    return base if isinstance(base, np.ndarray) else array
