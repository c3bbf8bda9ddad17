"""The cursor of a session: its current snapshot, how it moves on to new ones, and how it returns to any earlier one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.model import Model
from seqshell.core.sampling import Draw, History, SampleContext, Sampler
from seqshell.core.state import State, as_array, as_leaf, map_leaves
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.session.given import Start, StateRecord, TranslationSource
from seqshell.session.intervened_decoder import IntervenedDecoder
from seqshell.session.interventions import Change, Interventions
from seqshell.session.notes import Notes
from seqshell.session.snapshot import Memories, Snapshot, Steps
from seqshell.session.snapshots import SnapshotStore
from seqshell.session.timeline import STRIDE, UNSPLIT, Call, Read, Timeline
from seqshell.session.token_text import TokenText

FIRST_TURN = -1  # the turn of the first root
TAIL_TOKENS = 64  # tokens that are searched for the last bytes; special tokens have none


class Cursor:
    """A model, the current snapshot, and every position that it was at.

    `interrupted` is set from outside, by a signal handler or another thread, to stop what is running. budget: bytes for
    snapshots. plain: the model without interventions. at: the current snapshot, or the steps whose last one it is.
    """

    def __init__(self, model: Model, decoder: CheckedDecoder, budget: float) -> None:
        self.model = model
        self.plain = decoder
        self._intervened: IntervenedDecoder | None = None  # the last one in use
        self.token_text = TokenText(model.tokenizer)
        self.timeline = Timeline(STRIDE if model.causal else UNSPLIT)
        self.store = SnapshotStore(self.timeline, budget, grows=bool(model.grows))
        self.interrupted = False
        self.notes = Notes(lambda: self.timeline.notes, partial(self.require_free, notes=True))
        self._held: tuple[str, bool] | None = None  # why nothing can change, and whether the notes can
        self.at: Snapshot | Steps = self.add_root(-1, FIRST_TURN, Draw())

    @property
    def here(self) -> Snapshot:
        """The current snapshot."""
        at = self.at
        return at.last if isinstance(at, Steps) else at

    @here.setter
    def here(self, snapshot: Snapshot) -> None:
        self.at = snapshot

    @property
    def interventions(self) -> Interventions:
        """Those that are active here, in the order in which they began."""
        return self.timeline.active_at(self.here.node)

    @property
    def decoder(self) -> CheckedDecoder:
        """The model as it runs from here on, with the interventions that are active."""
        return self.decoder_with(self.interventions)

    def decoder_with(self, active: Interventions) -> CheckedDecoder:
        """The model with these interventions."""
        if not active:
            return self.plain
        if self._intervened is None or self._intervened.active is not active:
            self._intervened = IntervenedDecoder(self.plain, active)
        return self._intervened

    @property
    def position(self) -> int:
        """The number of tokens that were read."""
        return self.timeline.depth(self.here.node)

    @property
    def num_read(self) -> int:
        """The number of tokens that the state has read, those before a state that was given included."""
        given = self.timeline.given(self.here.node)
        return self.position + (given.position if given is not None else 0)

    @property
    def is_new(self) -> bool:
        """True at an initial state: nothing was read, and no state was given."""
        return not self.position and self.timeline.given(self.here.node) is None

    @property
    def state(self) -> State:
        """A copy of the state here, arrays [1, ...]."""
        return map_leaves(lambda leaf: np.array(as_array(leaf)), self.here.state)

    def own(self, state: State) -> State:
        """A state of arrays with leaves of the kinds that the model makes."""
        return map_leaves(as_leaf, state, self.plain.initial_state(1))

    @contextmanager
    def held_still(self, why: str, *, notes: bool = False) -> Iterator[None]:
        """A context in which nothing can change the session. notes: the notes can still be changed."""
        was = self._held
        self._held = why, notes
        try:
            yield
        finally:
            self._held = was

    def require_free(self, *, notes: bool = False) -> None:
        """UsageError while a hook looks at the session. notes: only the notes are to be changed."""
        if self._held is not None and not (notes and self._held[1]):
            raise UsageError(self._held[0], code="held")

    # Forward

    def add_root(self, before: int, turn: int, draw: Draw, start: Start = None) -> Snapshot:
        """Go to a new root, where nothing but the source was read; before: the node that is left.

        If the model fails, nothing has changed.
        """
        active = self.timeline.active_at(before)
        if isinstance(start, StateRecord):
            outputs, state = self.decoder_with(active).begun(start.outputs, self.own(start.state))
            source, given = start.source, start.given
        else:
            outputs, state = self.root_state(start, active)
            source, given = start, None
        self.here = Snapshot(self.timeline.add_root(before, turn, draw, source, given), state, outputs)
        self.store.add(self.here)
        return self.here

    def root_state(self, source: TranslationSource | None, active: Interventions) -> tuple[NDArray[Any], State]:
        """Outputs [1, V] and the state at a root at which these interventions are active."""
        decoder = self.decoder_with(active)
        if source is not None:
            return decoder.begin(source.ids)
        return decoder.begun(self.no_outputs(), self.plain.initial_state(1))

    def change(self, change: Change, turn: int, draw: Draw) -> Snapshot:
        """Go to a new node at this position, where the state, or the interventions, are others."""
        before = self.here
        node = self.timeline.add_change(before.node, turn, draw, change.active)
        self.here = Snapshot(node, change.state, change.outputs, before.memories, before.samplers)
        self.store.add(self.here)
        return self.here

    def no_outputs(self) -> NDArray[Any]:
        """Zeros [1, V].

        As logits, they are the uniform distribution: before the first token, no token is more likely.
        """
        return np.zeros((1, *self.plain.shape), np.float32)

    def feed(self, ids: list[int], turn: int, draw: Draw) -> Iterator[int]:
        """Read ids in chunks that end at multiples of the timeline's stride; yields after each how many were read.

        If the model fails, the cursor is where it was; an interrupt ends it and keeps the chunks that were read.
        """
        before, position = self.here, self.position
        start, stride = 0, self.timeline.stride
        while start < len(ids) and not self.interrupted:
            chunk = ids[start : start + stride - (position + start) % stride]
            try:
                outputs, state = self.decoder.read(chunk, Read.FED, self.here.state)
            except SeqshellError:
                self.here = before
                raise
            if not start:
                self.timeline.begin_run(before.node, turn, Read.FED, draw)
            self.here = Snapshot(self.timeline.extend(chunk), state, outputs, before.memories, before.samplers)
            self.store.add(self.here)
            start += len(chunk)
            yield start

    # Back

    def snapshot(self, node: int) -> Snapshot:
        """The whole snapshot of a node.

        If it is gone, the calls that led to it are repeated from the last one that is kept.
        """
        if node == self.here.node:
            return self.here
        snapshot = self.store.get(node)
        if snapshot is not None and snapshot.outputs is not None:
            return snapshot
        calls: list[Call] = []
        start = node
        while (snapshot is None or not calls) and not self.timeline.is_encoding(start):
            calls.append(self.timeline.call_to(start))
            start = calls[-1].before
            snapshot = self.store.get(start)
        if snapshot is not None:
            outputs, state = snapshot.outputs, snapshot.state
        else:
            outputs, state = self.root_state(self.timeline.sources[start], self.timeline.active_at(start))
        decoder = self.decoder_with(self.timeline.active_at(node))  # of all the calls: changes are always kept
        for call in reversed(calls):
            outputs, state = decoder.read(call.ids, call.read, state)
        return Snapshot(node, state, outputs, *self._memories_at(node))

    def _memories_at(self, node: int) -> tuple[Memories, tuple[Sampler, ...]]:
        """What the samplers remembered at a node, and the samplers. Fed tokens change nothing of it."""
        timeline = self.timeline
        while (found := self.store.memories(node)) is None:
            run = timeline.run_of(node)
            if timeline.read[run] != Read.FED:
                return (), ()
            node = timeline.parent[run]
        return found

    # The current position, or that of another whole snapshot

    def outputs(self, at: Snapshot | None = None) -> NDArray[Any]:
        """The outputs for the next token: logits [V], or what the task has in their place."""
        outputs = (at or self.here).outputs
        assert outputs is not None  # only stored snapshots lose their outputs
        row: NDArray[Any] = outputs[0]
        return row

    def memories(self, samplers: tuple[Sampler, ...], at: Snapshot | None = None) -> Memories:
        """What these samplers remember; None for each if another chain drew last."""
        at = at or self.here
        if len(at.memories) == len(samplers) and at.samplers == samplers:
            return at.memories
        return (None,) * len(samplers)

    def context(self, draw: Draw, at: Snapshot | None = None) -> SampleContext:
        """What a sampler is given for the next token."""
        node = (at or self.here).node
        ids = self.timeline.ids_to(node)
        generated = self.timeline.num_generated(node)
        return SampleContext(History(ids), generated, len(ids), self.model.tokenizer, None, draw)

    def tail(self) -> bytes:
        """The beginning of an incomplete UTF-8 character."""
        return self.token_text.tail(self.timeline.ids_to(self.here.node, max(0, self.position - TAIL_TOKENS)))

    def answered_bytes(self, reach: int) -> bytes:
        """The last `reach` bytes of the answers that end here, back to the last token that was fed."""
        found = b""
        for run, first, last in reversed(self.timeline.runs_to(self.here.node, max(0, self.position - 4 * reach))):
            if self.timeline.read[run] == Read.FED or len(found) >= reach:
                break
            found = self.token_text.joined(self.timeline.ids[first : last + 1]) + found
        return found[-reach:] if reach else b""
