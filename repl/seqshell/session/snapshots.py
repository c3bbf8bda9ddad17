"""The store that keeps snapshots within a memory budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.growth import Grown, continuing
from seqshell.core.sampling import Sampler
from seqshell.core.state import leaf_size, leaves, map_leaves
from seqshell.session.snapshot import Memories, Snapshot, Steps, has_memory, in_one_piece
from seqshell.session.snapshot_arrays import arrays_in, detached, owner_of_memory
from seqshell.session.timeline import STRIDE, Read, Timeline

PAUSE = 256  # snapshots that are counted together, or more while they take little: it takes 2 microseconds each
MOST_UNCOUNTED = 1 << 14


class SnapshotStore:
    """The snapshots of a timeline, within a budget: over it, the oldest snapshots first lose their outputs, then go.

    First every snapshot stays at a depth that is a multiple of STRIDE, so that each can be computed again by at most
    STRIDE steps. If these take more than the budget, the stride doubles, until only the roots are left. Whatever the
    budget, these stay: the roots, the changes that the user made, the snapshots of a search (nothing else can compute
    them again) and the samplers' memories.

    Translations keep less: their roots go, because the source can be encoded again (unless the user gave the state),
    and so do the snapshots of a search, because no token is drawn after a part of a translation. Their states are then
    computed by single steps, which differ in the last bits from those of a batch.

    The size in bytes counts each array once, by identity, including the larger array that it is a view of: arrays that
    snapshots share, such as an encoded source, are kept as long as one of them is. If the state grows, a snapshot
    shares the beginning of its leaves with the one before (`core.growth`).

    Steps stay as they are, with the arrays of their block, until one of them loses something: then it gets arrays of
    its own, so that those of the block are freed with the last of its steps.
    """

    def __init__(self, timeline: Timeline, budget: float, *, grows: bool = False) -> None:
        self.stride = STRIDE  # at multiples of this depth, old snapshots stay
        self._timeline = timeline
        self._budget = budget  # bytes
        self._grows = grows
        self._last: Snapshot | None = None  # of a state that grows, in one piece
        self._snapshots: list[Snapshot | Steps | None] = []  # by node
        self._memories: dict[int, tuple[Memories, tuple[Sampler, ...]]] = {}  # of nodes without a snapshot
        self._uses: dict[int, int] = {}  # by the id of an array or a Grown: what holds it, snapshots or a longer Grown
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
        if self._grows:
            snapshot = self._shared(snapshot)
        snapshots = self._snapshots
        if snapshot.node == len(snapshots) < self._next_count - 1:  # as for most tokens
            snapshots.append(snapshot)
        else:
            self._place(snapshot.node, snapshot)

    def add_step(self, steps: Steps, node: int) -> None:
        """The same for the last of the steps, which is at this node. The state does not grow."""
        snapshots = self._snapshots
        if node == len(snapshots) < self._next_count - 1:
            snapshots.append(steps)
        else:
            self._place(node, steps)

    def restore(self, snapshot: Snapshot) -> None:
        """Keep a snapshot as it is, as `kept_as` returned it."""
        self._place(snapshot.node, snapshot)

    def _place(self, node: int, kept: Snapshot | Steps) -> None:
        snapshots = self._snapshots
        missing = node - len(snapshots)
        if missing:
            snapshots.extend([None] * missing)
        snapshots.append(kept)
        if len(snapshots) >= self._next_count:
            if self._can_wait(node):
                self._next_count = len(snapshots) + PAUSE
            else:
                self.count()

    def get(self, node: int) -> Snapshot | None:
        """The snapshot of a node, perhaps without outputs; None if there is none."""
        found = self.kept_as(node)
        return in_one_piece(found) if self._grows and found is not None else found

    def kept_as(self, node: int) -> Snapshot | None:
        """The snapshot of a node as it is kept: leaves that grow are in pieces (`core.growth`)."""
        found = self._snapshots[node] if node < len(self._snapshots) else None
        return found.snapshot(node) if type(found) is Steps else found  # type: ignore[return-value]  # no other type

    def memories(self, node: int) -> tuple[Memories, tuple[Sampler, ...]] | None:
        """What the samplers remembered at a node; None if it has no snapshot and they remembered nothing."""
        found = self.kept_as(node)
        return self._memories.get(node) if found is None else (found.memories, found.samplers)

    def restore_memories(self, node: int, memories: Memories, samplers: tuple[Sampler, ...]) -> None:
        """Set what the samplers remembered at a node without a snapshot."""
        self._memories[node] = memories, samplers

    def all_memories(self) -> Iterator[tuple[int, Memories, tuple[Sampler, ...]]]:
        """(node, memories, samplers) of each node at which a sampler remembers something."""
        for node, (memories, samplers) in self._memories.items():
            yield node, memories, samplers
        for node, kept in enumerate(self._snapshots):
            if kept is not None and has_memory(kept.memories):
                yield node, kept.memories, kept.samplers

    def count(self) -> None:
        """Add up the snapshots that are new since the last call, and free those over the budget."""
        snapshots = self._snapshots
        new = len(snapshots) - self._counted
        before = self._bytes
        for node in range(self._counted, len(snapshots)):
            kept = snapshots[node]
            if kept is not None:
                self._kept += 1
                self._whole += kept.outputs is not None
                self._hold(kept.new_snapshot(node) if isinstance(kept, Steps) else kept)
        self._counted = len(snapshots)
        size = max(1, (self._bytes - before) // max(new, 1))  # bytes per snapshot
        # Counting once per `pause` snapshots is cheaper than per token; the budget is exceeded by a sixteenth at most.
        pause = int(min(PAUSE, max(1, self._budget / 16 / size)))
        self._next_count = len(snapshots) + pause
        if self._bytes > self._budget:
            # Old snapshots first: their outputs, then all but every STRIDE-th. Recent ones only if that is not enough.
            # Each sweep continues where it ended, so that every snapshot is looked at twice in all, not once per call.
            recent = len(snapshots) - 4 * pause
            for end in (recent, len(snapshots)):
                self._stripped = self._sweep(self._stripped, end, self._strip)
                self._thinned = self._sweep(self._thinned, end, self._thin)
            while self._bytes > self._budget and self.stride < len(snapshots):
                self.stride *= 2
                self._thinned = self._sweep(0, len(snapshots), self._thin)

    def _can_wait(self, last: int) -> bool:
        """True if the snapshots that are not counted take half of the budget at most, as those of one answer tell."""
        first, timeline = self._counted, self._timeline
        number, run = len(self._snapshots) - first, timeline.run_of(first)
        is_one_answer = timeline.read[run] == Read.DRAWN and timeline.run_of(last) == run
        if self._grows or not is_one_answer or number > MOST_UNCOUNTED:
            return False
        kept = self._snapshots[last]
        assert kept is not None
        if isinstance(kept, Steps):
            snapshot, share = kept.new_snapshot(last), 1 / len(kept.tokens)  # of the block's arrays
        else:
            snapshot, share = kept, 1.0
        owners = [owner_of_memory(leaf) for leaf in arrays_in(snapshot.state, snapshot.outputs)]
        size = share * sum(map(leaf_size, owners))  # of each, since the state does not grow
        return self._bytes + number * size <= self._budget / 2

    def _sweep(self, start: int, end: int, free: Callable[[int, int], None]) -> int:
        """Call `free` on snapshots from node `start` to `end`, until the budget is met; returns where to continue."""
        timeline = self._timeline
        while start < end and self._bytes > self._budget:
            run = timeline.run_of(start)
            last = timeline.first[run + 1] if run + 1 < timeline.num_runs else len(timeline)
            stop = min(end, last, start + 64)
            read = timeline.read[run]
            if read != Read.CHANGED and (read != Read.FOUND or timeline.source(start) is not None):
                for node in range(start, stop):
                    if self._snapshots[node] is not None:
                        free(node, timeline.base[run] + 1 + node - timeline.first[run])
            start = stop
        return start

    def _strip(self, node: int, depth: int) -> None:
        """Drop the outputs of a snapshot."""
        snapshot = self._own(node)
        if snapshot.outputs is not None and depth:
            self._whole -= 1
            self._release_array(snapshot.outputs)
            self._snapshots[node] = Snapshot(node, snapshot.state, None, snapshot.memories, snapshot.samplers)

    def _thin(self, node: int, depth: int) -> None:
        """Drop a snapshot that can be computed again, but keep its memories."""
        snapshot = self._own(node)
        if depth % self.stride or self._timeline.is_encoding(node):
            self._kept -= 1
            self._whole -= snapshot.outputs is not None
            self._snapshots[node] = None
            self._release(snapshot)
            if has_memory(snapshot.memories):
                self._memories[node] = snapshot.memories, snapshot.samplers

    def _own(self, node: int) -> Snapshot:
        """The snapshot of a node, with arrays of its own if it was one of several steps."""
        kept = self._snapshots[node]
        if isinstance(kept, Steps):
            steps, kept = kept.new_snapshot(node), None
            outputs = None if steps.outputs is None else detached(steps.outputs)
            kept = steps._replace(state=map_leaves(detached, steps.state), outputs=outputs)
            self._hold(kept)
            self._release(steps)
            self._snapshots[node] = kept
        assert kept is not None
        return kept

    def _shared(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot as it is kept: its leaves continue those of the one before."""
        before, self._last, node = self._last, snapshot, snapshot.node
        if self._timeline.read[self._timeline.run_of(node)] == Read.ROOT:
            return snapshot
        earlier = self._timeline.call_to(node).before
        kept = self.kept_as(earlier)
        if kept is None:
            return snapshot
        whole = before if before is not None and before.node == earlier else in_one_piece(kept)
        return snapshot._replace(state=continuing(snapshot.state, whole.state, kept.state))

    def _hold(self, snapshot: Snapshot) -> None:
        uses_of, state = self._uses, snapshot.state
        for leaf in (*state, snapshot.outputs) if isinstance(state, tuple) else (state, snapshot.outputs):
            if type(leaf) is np.ndarray:  # as `_hold_leaf`, without calls
                base = leaf.base
                owner = base if isinstance(base, np.ndarray) else leaf
                key = id(owner)
                if key in uses_of:
                    uses_of[key] += 1
                else:
                    uses_of[key] = 1
                    self._bytes += owner.nbytes
            elif isinstance(leaf, tuple):
                for part in leaves(leaf):
                    self._hold_leaf(part)
            elif leaf is not None:
                self._hold_leaf(leaf)

    def _hold_leaf(self, leaf: Any) -> None:
        if isinstance(leaf, Grown):
            for each in leaf.back():
                uses = self._uses.get(id(each), 0)
                self._uses[id(each)] = uses + 1
                if uses:  # those that it continues are held already
                    break
                self._hold_leaf(each.part)
            return
        owner = owner_of_memory(leaf)
        key = id(owner)  # no other array can have this id while the snapshot exists
        self._uses[key] = number = self._uses.get(key, 0) + 1
        if number == 1:
            self._bytes += leaf_size(owner)

    def _release(self, snapshot: Snapshot) -> None:
        for leaf in arrays_in(snapshot.state, snapshot.outputs):
            if not isinstance(leaf, Grown):
                self._release_array(leaf)
                continue
            for each in leaf.back():
                self._uses[id(each)] -= 1
                if self._uses[id(each)]:
                    break
                del self._uses[id(each)]
                self._release_array(each.part)

    def _release_array(self, array: NDArray[Any]) -> None:
        owner = owner_of_memory(array)
        key = id(owner)
        self._uses[key] -= 1
        if not self._uses[key]:
            del self._uses[key]
            self._bytes -= leaf_size(owner)
