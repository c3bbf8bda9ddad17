"""The live moment: where a session stands, how it comes to the next moments, and how it comes back to any other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.model import Model
from seqshell.core.sampling import Draw, History, SampleContext, Sampler
from seqshell.core.state import State
from seqshell.session.checked_decoder import Reader
from seqshell.session.snapshots import Memories, Snapshot, Store
from seqshell.session.timeline import STRIDE, UNCUT, Call, Read, Source, Timeline
from seqshell.session.token_text import Pieces

BEFORE_ALL = -1  # the turn of the first root
LONGEST_TOKENS_OF_TAIL = (
    64  # tokens among which the last bytes are looked for; the ones between are specials without any
)


class Live:
    """A model, the moment where it stands, and all moments where it stood. `interrupted` is set from outside to stop what runs."""

    def __init__(self, model: Model, budget: float) -> None:
        self.model = model
        self.reader = Reader(model)
        self.pieces = Pieces(model.tokenizer)
        self.timeline = Timeline(STRIDE if model.causal else UNCUT)
        self.store = Store(self.timeline, budget)
        self.interrupted = False
        self.here = self.root(-1, BEFORE_ALL, Draw())

    @property
    def position(self) -> int:
        """How many tokens were read."""
        return self.timeline.depth(self.here.node)

    # To the next moments

    def root(self, before: int, turn: int, draw: Draw, source: Source | None = None) -> Snapshot:
        """Stand where nothing but the source was read; before: the node that is left. When the model fails nothing has changed."""
        outputs, state = self._first(source)
        self.here = Snapshot(self.timeline.begin_root(before, turn, draw, source), state, outputs)
        self.store.add(self.here)
        return self.here

    def _first(self, source: Source | None) -> tuple[NDArray[Any], State]:
        """Outputs [1, V] and the state at a root."""
        return (
            self.reader.begin(source.ids) if source is not None else (self.no_outputs(), self.reader.initial_state(1))
        )

    def no_outputs(self) -> NDArray[Any]:
        """Zero logits [1, V] are the uniform distribution: before reading anything, nothing is favoured. Zeros, too, of what else it tells."""
        return np.zeros((1, *self.reader.shape), np.float32)

    def feed(self, ids: list[int], turn: int, draw: Draw) -> int:
        """Read ids in pieces that end where the position is a multiple of the timeline's stride; returns how many.

        When the model fails nothing has changed; an interrupt keeps the pieces that were read.
        """
        here, position = self.here, self.position
        state, start, stride = here.state, 0, self.timeline.stride
        moments = []
        while start < len(ids) and not self.interrupted:
            piece = ids[start : start + stride - (position + start) % stride]
            outputs, state = self.reader.read(piece, Read.FED, state)
            moments.append((piece, state, outputs))
            start += len(piece)
        if moments:
            self.timeline.begin(here.node, turn, Read.FED, draw)
        for piece, state, outputs in moments:
            self.here = Snapshot(self.timeline.extend(piece), state, outputs, here.memories, here.samplers)
            self.store.add(self.here)
        return start

    # To others

    def moment(self, node: int) -> Snapshot:
        """The whole snapshot of a node. One that is gone is computed again by the calls that led to it from the last that is kept."""
        if node == self.here.node:
            return self.here
        snapshot = self.store.get(node)
        if snapshot is not None and snapshot.outputs is not None:
            return snapshot
        calls: list[Call] = []
        start = node
        while (snapshot is None or not calls) and start not in self.timeline.sources:
            calls.append(self.timeline.call_to(start))
            start = calls[-1].before
            snapshot = self.store.get(start)
        outputs, state = (
            (snapshot.outputs, snapshot.state) if snapshot is not None else self._first(self.timeline.sources[start])
        )
        for call in reversed(calls):
            outputs, state = self.reader.read(call.ids, call.read, state)
        return Snapshot(node, state, outputs, *self._memories(node))

    def _memories(self, node: int) -> tuple[Memories, tuple[Sampler, ...]]:
        """What the samplers remembered; a fed token changes nothing of it."""
        timeline = self.timeline
        while (kept := self.store.get(node)) is None and (gone := self.store.memories(node)) is None:
            run = timeline.run_of(node)
            if timeline.read[run] != Read.FED:
                return (), ()
            node = timeline.parent[run]
        return (kept.memories, kept.samplers) if kept is not None else gone or ((), ())

    # What the moment looks like

    def outputs(self) -> NDArray[Any]:
        """The logits [V] for the next token."""
        assert self.here.outputs is not None  # only the store strips snapshots
        row: NDArray[Any] = self.here.outputs[0]
        return row

    def memories(self, samplers: tuple[Sampler, ...]) -> Memories:
        """What these samplers remember here; None each when they are another chain than the one that drew last."""
        here = self.here
        return (
            here.memories
            if len(here.memories) == len(samplers) and here.samplers == samplers
            else (None,) * len(samplers)
        )

    def context(self, draw: Draw) -> SampleContext:
        """What a sampler may know here."""
        node = self.here.node
        ids = self.timeline.ids_to(node)
        return SampleContext(
            History(ids), self.timeline.made_by_model(node), len(ids), self.model.tokenizer, None, draw
        )

    def tail(self) -> bytes:
        """The beginning of an incomplete UTF-8 character."""
        return self.pieces.tail(self.timeline.ids_to(self.here.node, max(0, self.position - LONGEST_TOKENS_OF_TAIL)))

    def made_before(self, reach: int) -> bytes:
        """The last `reach` bytes of the answers that end here, with nothing fed after them."""
        found = b""
        for run, first, last in reversed(self.timeline.stretches(self.here.node, max(0, self.position - 4 * reach))):
            if self.timeline.read[run] == Read.FED or len(found) >= reach:
                break
            found = self.pieces.joined(self.timeline.ids[first : last + 1]) + found
        return found[-reach:] if reach else b""
