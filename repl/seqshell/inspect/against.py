"""Two continuations of one text in lock-step, with the same random numbers, and one text scored by two models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events.against import AgainstStep
from seqshell.core.sampling import Advanced, AnswerEnded, Batch, Draw, Request, Sampler
from seqshell.core.state import State
from seqshell.decoding.guarded_search import guarded_search
from seqshell.decoding.probabilities import log_probs
from seqshell.inspect.addresses import find_node
from seqshell.inspect.differences import divergence
from seqshell.inspect.scoring import measured
from seqshell.session import Session
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.session.generation import GenerationPlan
from seqshell.session.token_text import decoded

LONGEST_STEP = 1000  # tokens of one side until both have written the same number of characters
Piece = tuple[int, bytes, NDArray[Any]]  # a token, its bytes, and the outputs [V] that it was chosen from


@dataclass(frozen=True)
class Side:
    """What continues: a place in the history of a session, or the same place in that of another model.

    samplers: of the chain. memories: what they remember.
    """

    name: str
    session: Session
    decoder: CheckedDecoder
    state: State
    outputs: NDArray[Any]
    ids: Sequence[int]
    generated: int
    samplers: tuple[Sampler, ...]
    memories: tuple[Any, ...]

    @classmethod
    def of(cls, session: Session, plan: GenerationPlan, name: str, address: str = "here") -> Side:
        """A branch or a position of a session, as `find_node` reads it, with the samplers of a plan."""
        cursor, node = session.behaviour.cursor, find_node(session, address)
        snapshot, timeline = cursor.snapshot(node), cursor.timeline
        assert snapshot.outputs is not None  # `Cursor.snapshot` returns whole ones
        same_chain = snapshot.samplers == plan.samplers and len(snapshot.memories) == len(plan.samplers)
        memories = snapshot.memories if same_chain else (None,) * len(plan.samplers)
        decoder = cursor.decoder_with(timeline.active_at(node))
        ids, generated = timeline.ids_to(node), timeline.num_generated(node)
        place = (session, decoder, snapshot.state, snapshot.outputs[0], ids, generated)
        return cls(name, *place, plan.samplers, memories)

    def with_samplers(self, samplers: tuple[Sampler, ...], name: str) -> Side:
        """The same place with another chain."""
        return replace(self, samplers=samplers, memories=(None,) * len(samplers), name=name)

    def is_as(self, other: Side) -> bool:
        """True if the other side continues the same text in the same way."""
        same_place = self.session is other.session and self.ids == other.ids and self.state is other.state
        return same_place and self.samplers == other.samplers

    def continuing(self, plan: GenerationPlan, draw: Draw, position: int) -> Iterator[Piece]:
        """The tokens that follow, with the random numbers of the positions from `position` on; ends with the answer."""
        model, excluded = self.session.model, self.session.behaviour.excluded_tokens()
        start = Batch(self.state, self.outputs[None], (self.ids,), (self.memories,), (position,), (self.generated,))
        request = Request(plan.stop, self.samplers, draw, 1, (), model.tokenizer, excluded, open=plan.open)
        outputs = self.outputs
        eos = model.tokenizer.eos
        with closing(guarded_search(plan.strategy, self.decoder, start, request)) as steps:
            while True:
                try:
                    step = next(steps, None)
                except AnswerEnded:
                    return
                token = int(step.tokens[0]) if isinstance(step, Advanced) else -1
                if not isinstance(step, Advanced) or token < 0 or token == eos:
                    return
                yield token, self.session.behaviour.cursor.token_text.piece(token), outputs
                outputs = step.outputs[0]

    def reading(self, ids: Sequence[int]) -> Iterator[tuple[bytes, float]]:
        """Each of some tokens as bytes, and its surprisal in nats if it came next."""
        outputs, state = self.outputs, self.state
        for token in ids:
            surprisals, _ = measured(outputs[None], np.array([token]))
            yield self.session.behaviour.cursor.token_text.piece(token), float(surprisals[0])
            rows, state = self.decoder.step(np.array([token], np.int64), state)
            outputs = rows[0]


def shares_vocabulary(one: Side, other: Side) -> bool:
    """True if the ids of both mean the same."""
    first, second = one.session.model.tokenizer, other.session.model.tokenizer
    return first.name == second.name and first.size == second.size and first.to_json() == second.to_json()


def lock_step(one: Side, other: Side, plan: GenerationPlan, draw: Draw, position: int) -> Iterator[AgainstStep]:
    """Both continuations, token by token; with different vocabularies, in parts that end at the same character.

    They end when one of them does, or after plan.stop.max_tokens of `one`. UsageError if the strategy does not stream.
    """
    if not plan.strategy.streams:
        raise UsageError(f"{plan.strategy.name} searches whole answers; /strategy sample or greedy goes token by token")
    first, second = (side.continuing(plan, draw, position) for side in (one, other))
    comparable = shares_vocabulary(one, other)
    for _ in range(plan.stop.max_tokens):
        one_piece, other_piece = next(first, None), next(second, None)
        if one_piece is None or other_piece is None:
            return
        (token, a, outputs), (other_token, b, other_outputs) = one_piece, other_piece
        if comparable:
            distance = divergence(np.exp(log_probs(outputs)), np.exp(log_probs(other_outputs)))
            yield AgainstStep(a, b, distance, token != other_token)
            continue
        for _ in range(LONGEST_STEP):
            behind = _behind(a, b)
            if behind is None:
                break
            more = next(second if behind else first, None)
            if more is None:
                break
            a, b = (a, b + more[1]) if behind else (a + more[1], b)
        yield AgainstStep(a, b, None, a != b)
        if _behind(a, b) is not None:
            return


def _behind(a: bytes, b: bytes) -> int | None:
    """Which of two texts must go on, 0 or 1, until both end at the same character; None if they do."""
    texts = decoded(a), decoded(b)
    for number, (_, tail) in enumerate(texts):
        if tail:
            return number
    sizes = len(texts[0][0]), len(texts[1][0])
    return None if sizes[0] == sizes[1] else int(sizes[0] > sizes[1])


def scored_by_both(one: Side, other: Side, ids: tuple[list[int], list[int]]) -> Iterator[tuple[bytes, float, float]]:
    """The text of the ids in parts that end at the same byte, each with its surprisal for both in nats."""
    first, second = one.reading(ids[0]), other.reading(ids[1])
    a = b = b""
    sums = [0.0, 0.0]
    while True:
        is_first = len(a) <= len(b)
        step = next(first if is_first else second, None)
        if step is None:
            if a or b:
                yield max(a, b, key=len), sums[0], sums[1]
            return
        sums[0 if is_first else 1] += step[1]
        a, b = (a + step[0], b) if is_first else (a, b + step[0])
        if len(a) == len(b):
            yield a, sums[0], sums[1]
            a = b = b""
            sums = [0.0, 0.0]
