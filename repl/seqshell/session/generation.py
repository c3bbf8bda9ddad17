"""An answer of the model, token by token: each is committed before it is told, so that the session stands where its reader thinks."""

from __future__ import annotations

import traceback
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import PluginError, SeqshellError, UsageError
from seqshell.core.events import Finished, Token
from seqshell.core.sampling import Advanced, Batch, Draw, Hypothesis, Request, Sampler, Stop, Strategy
from seqshell.core.state import State, map_leaves
from seqshell.decoding.probabilities import log_probs
from seqshell.session.checked_decoder import alone, reason
from seqshell.session.cursor import Live
from seqshell.session.snapshots import Memories, Snapshot
from seqshell.session.timeline import Read
from seqshell.session.token_text import StopTexts

Moment = tuple[
    int, State, NDArray[Any], Memories
]  # a token, and the state, the outputs [1, V] and the memories after it
TOGETHER = 256  # tokens whose log-probabilities are computed in one go: a fifth of the time of one by one


@dataclass(frozen=True)
class Plan:
    """How an answer is made. excluded: ids that are never drawn. settings: what holds for this answer alone, in words.

    num_best, prefix: as in a Request. found: the answer itself, where a search has found it already.
    """

    strategy: Strategy
    samplers: tuple[Sampler, ...]
    stop: Stop
    excluded: frozenset[int] = frozenset()
    settings: str = ""
    num_best: int = 1
    prefix: tuple[int, ...] = ()
    found: Hypothesis | None = None


class End:
    """Why an answer ended (Finished.stop), the fault if it was one, and the best answers where a search gave them, best first."""

    stop = "length"
    fault: SeqshellError | None = None
    best: tuple[Hypothesis, ...] = ()


def answer(
    live: Live,
    plan: Plan,
    turn: int,
    draw: Draw,
    branch: str = "",
    candidate: int | None = None,
    end: End | None = None,
) -> Generator[Token | Finished, None, None]:
    """Go on from the live moment: a Token for each token, then Finished. `end` is filled in for those who want to know more.

    When the reader goes away (closes the iterator), moves the session or interrupts, the session stays at the last token told.
    A fault ends the answer with Finished (stop="error") and then raises the SeqshellError that says whose it is; a UsageError before the
    first token is raised alone.
    """
    timeline, store, pieces, samplers = live.timeline, live.store, live.pieces, plan.samplers
    here = live.here
    start = position = live.position
    tail, end, measure = live.tail(), end or End(), _LogProb()
    told: list[str] = []
    try:
        for token, state, outputs, memories in _decided(live, plan, draw, end):
            text, tail = pieces.read(token, tail)
            before = here.outputs
            if position == start:
                timeline.begin(here.node, turn, Read.DRAWN if plan.strategy.streams else Read.FOUND, draw)
            live.here = here = Snapshot(timeline.append(token), state, outputs, memories, samplers)
            store.add(here)
            measure.add(before, token)
            told.append(text)
            position += 1
            yield Token(text, token, position - 1, before[0])  # type: ignore[index]  # a live moment has its outputs
            if live.here is not here:
                end.stop = "interrupt"
                break
    finally:
        live.interrupted = False
    if isinstance(end.fault, UsageError) and position == start:  # it was asked for what cannot be
        raise end.fault
    yield Finished(
        "".join(told), position - start, end.stop, measure.sum(), start, position, branch, candidate, plan.settings
    )
    if end.fault is not None:
        raise end.fault


def _decided(live: Live, plan: Plan, draw: Draw, end: End) -> Iterator[Moment]:
    """The moments that the answer consists of, as soon as it is sure that they do; `end` says why there are no more.

    Tokens that may be the beginning of a stop text wait. After an interrupt those that wait are left to be drawn again, so that
    an answer interrupted and continued is the answer of one go; at the end for another reason they belong to the answer.
    """
    stop, pieces = plan.stop, live.pieces
    watch = StopTexts(stop.texts, live.made_before(StopTexts.reach(stop.texts))) if stop.texts else None
    moments = _moments(live, plan, draw, end)
    waiting: list[Moment] = []
    try:
        for _ in range(stop.max_tokens):
            if live.interrupted:
                end.stop = "interrupt"
                return
            moment = next(moments, None)
            if moment is None:  # only a strategy that does not stream comes to an end of its own
                end.stop = "stop" if stop.texts and not stop.ids else "eos"
                break
            if moment[0] in stop.ids:
                end.stop = "eos"
                break
            if watch is None:
                yield moment
                continue
            waiting.append(moment)
            free, found = watch.see(pieces.piece(moment[0]))
            yield from waiting[:free]
            if found:
                end.stop = "stop"
                return
            del waiting[:free]
    except Interrupted:
        end.stop = "interrupt"
        return
    except SeqshellError as error:
        end.stop, end.fault = "error", error
    yield from waiting


def _moments(live: Live, plan: Plan, draw: Draw, end: End) -> Iterator[Moment]:
    """What the strategy finds, one moment after the other. PluginError names the strategy when it fails."""
    if plan.found is not None:
        yield from _passed(live, plan.found, live.memories(plan.samplers))
        return
    here, size, strategy = live.here, live.model.tokenizer.size, plan.strategy
    memories, context = live.memories(plan.samplers), live.context(draw)
    start = Batch(
        here.state, live.outputs()[None], (context.tokens,), (memories,), (context.position,), (context.generated,)
    )
    request = Request(plan.stop, plan.samplers, draw, plan.num_best, plan.prefix, live.model.tokenizer, plan.excluded)
    decoder: Decoder = live.reader if strategy.streams else Interruptible(live)
    try:
        for step in strategy.search(decoder, start, request):
            if isinstance(step, Advanced):
                token = int(step.tokens[0])
                if not 0 <= token < size:
                    raise ValueError(f"it chose the id {token}, and the vocabulary has {size}")
                yield token, step.state, step.outputs, step.memories[0]
            else:
                end.best = step.best
                yield from _passed(live, step.best[0], memories)
    except (SeqshellError, Interrupted):
        raise
    except (Exception, SystemExit) as error:
        details = "".join(traceback.format_exception(error))
        owner = type(strategy).__module__.partition(".")[0]
        raise PluginError(
            f"the strategy {strategy.name} of {owner} failed: {reason(error)}", plugin=owner, details=details
        ) from error


def _passed(live: Live, found: Hypothesis, memories: Memories) -> Iterator[Moment]:
    """The moments of an answer that a search found: leaves that do not change are one array in all of them, and none shows a part of a batch."""
    before = live.here.state
    for token, state, outputs in zip(found.ids, found.states, found.outputs, strict=True):
        before = map_leaves(_alone, state, before)
        yield token, before, alone(outputs), memories


def _alone(leaf: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    same = leaf is before or (leaf.shape == before.shape and np.array_equal(leaf, before))
    return before if same else alone(leaf)


class Interrupted(Exception):
    """The user wants no more of a search. Never leaves this package."""


class Interruptible:
    """The decoder that a search steps: at an interrupt the search ends between two of its steps."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.initial_state = live.reader.initial_state

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As Decoder.step."""
        self._listen()
        return self._live.reader.step(inputs, state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As Decoder.feed."""
        self._listen()
        return self._live.reader.feed(inputs, state)

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """As SourceDecoder.encode."""
        self._listen()
        return self._live.reader.encode(source, lengths)

    def _listen(self) -> None:
        if self._live.interrupted:
            raise Interrupted


class _LogProb:
    """The model's log-probability of an answer, in nats, before the chain."""

    def __init__(self) -> None:
        self._outputs: list[Any] = []
        self._ids: list[int] = []
        self._sum = 0.0

    def add(self, outputs: Any, token: int) -> None:
        """The outputs [1, V] that a token was drawn from."""
        self._outputs.append(outputs)
        self._ids.append(token)
        if len(self._ids) == TOGETHER:
            self.sum()

    def sum(self) -> float:
        """Of all tokens so far."""
        if self._ids:
            logs = log_probs(np.concatenate(self._outputs))  # [N, V]
            self._sum += float(logs[np.arange(len(self._ids)), self._ids].sum())
            self._outputs.clear()
            self._ids.clear()
        return self._sum
