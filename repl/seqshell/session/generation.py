"""An answer of the model, token by token.

Each token is committed before it is emitted, so that wherever the consumer stops, the session is at the last token
emitted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import PluginError, SeqshellError, UsageError
from seqshell.core.events import Finished, Token
from seqshell.core.model import Model
from seqshell.core.sampling import (
    Advanced,
    AnswerEnded,
    Batch,
    Block,
    CopiesSource,
    Draw,
    Hypotheses,
    Hypothesis,
    Request,
    Sampler,
    Stop,
    Strategy,
)
from seqshell.core.signal_handlers import HostStop
from seqshell.core.state import State, is_opaque, map_leaves
from seqshell.decoding.guarded_search import guarded_search
from seqshell.decoding.stop_texts import StopTexts, StopWatch
from seqshell.decoding.stoppable import StoppableDecoder
from seqshell.decoding.strategies import Sample
from seqshell.session.answer_options import NO_OPTIONS, AnswerOptions
from seqshell.session.cursor import Cursor
from seqshell.session.log_prob import BATCH, LogProb
from seqshell.session.snapshot import Memories, Snapshot, Steps
from seqshell.session.snapshot_arrays import detached
from seqshell.session.timeline import Read

Step = tuple[int, State, NDArray[Any], Memories]  # a token, and the state, outputs [1, V] and memories after it
# A token, the outputs [V] after it, and what its snapshot is made of: state, outputs and memories, or the Steps.
Decided = tuple[int, NDArray[Any], tuple[State, NDArray[Any], Memories] | Steps]


@dataclass(frozen=True)
class GenerationPlan:
    """How to generate an answer. excluded: ids that are never drawn. settings: those of this answer alone, as text.

    options: those that this answer was given; regenerate repeats them.
    num_best, prefix, copying, open: as in a Request. found: the answer itself, if a search has already found it.
    row: the steps of a candidate that is drawn together with others.
    """

    strategy: Strategy
    samplers: tuple[Sampler, ...]
    stop: Stop
    excluded: frozenset[int] = frozenset()
    settings: str = ""
    options: AnswerOptions = NO_OPTIONS
    num_best: int = 1
    prefix: tuple[int, ...] = ()
    found: Hypothesis | None = None
    copying: CopiesSource | None = None
    open: Callable[[str], Model] = Request.open
    row: Callable[[Cursor], Iterator[Step]] | None = None


class End:
    """Why an answer ended (Finished.stop), the fault if there was one, and the best answers of a search, best first."""

    stop = "length"
    fault: SeqshellError | None = None
    best: tuple[Hypothesis, ...] = ()


def answer(
    cursor: Cursor,
    plan: GenerationPlan,
    turn: int,
    draw: Draw,
    branch: str = "",
    candidate: int | None = None,
    end: End | None = None,
) -> Generator[Token | Finished, None, None]:
    """Generate from the current snapshot: yields a Token for each token, then Finished. Fills in `end`.

    If the consumer stops iterating, moves the session or interrupts, the session stays at the last token emitted. A
    fault ends the answer with Finished (stop="error") and then raises the SeqshellError that names its owner; a
    UsageError before the first token is raised without Finished.
    """
    timeline, store, token_text, samplers = cursor.timeline, cursor.store, cursor.token_text, plan.samplers
    begun, start = cursor.here.node, cursor.position
    position, row = start, cursor.outputs()  # which the next token is drawn from
    tail, end, log_prob = cursor.tail(), end or End(), LogProb()
    texts: list[str] = []
    nodes, read, add, add_step = timeline.ids, token_text.read, store.add, store.add_step
    ids, rows, pieces, whole = log_prob.ids, log_prob.outputs, token_text.pieces, token_text.whole.get
    try:
        for block in _decided(cursor, plan, draw, end):
            for token, after, kept in block:
                if cursor.interrupted:  # between two tokens of a block
                    end.stop = "interrupt"
                    break
                if tail or (text := whole(token)) is None:
                    text, tail = read(token, tail)
                if position == start:
                    timeline.begin_run(begun, turn, Read.DRAWN if plan.strategy.streams else Read.FOUND, draw)
                    timeline.options[len(timeline)] = plan.options
                nodes.append(token)
                node = len(nodes) - 1
                at: Snapshot | Steps
                if isinstance(kept, Steps):
                    kept.take(node)
                    cursor.at = at = kept
                    add_step(kept, node)
                else:
                    state, outputs, memories = kept
                    cursor.at = at = Snapshot(node, state, outputs, memories, samplers)
                    add(at)
                ids.append(token)
                rows.append(row)
                texts.append(text)
                yield Token(text, token, position, row, pieces[token])
                position += 1
                row = after
                if cursor.at is not at and cursor.here.node != node:
                    end.stop = "interrupt"
                    break
            else:
                if len(ids) >= BATCH:
                    log_prob.sum()
                continue
            break
    finally:
        cursor.interrupted = False
    if isinstance(end.fault, UsageError) and position == start:  # the request itself was invalid
        raise end.fault
    if position == start:
        timeline.options[~begun] = plan.options
    if end.stop == "eos":
        for eos in plan.stop.ids:
            ids.append(eos)
            rows.append(row)
    found = plan.found or next(iter(end.best), None)
    is_whole = found is not None and end.stop in ("eos", "length", "plugin") and len(found.ids) == position - start
    total = found.log_prob if found is not None and is_whole else log_prob.sum()  # the same, but for rounding
    yield Finished("".join(texts), position - start, end.stop, total, start, position, branch, candidate, plan.settings)
    if end.fault is not None:
        raise end.fault


def _decided(cursor: Cursor, plan: GenerationPlan, draw: Draw, end: End) -> Iterator[Sequence[Decided]]:
    """The steps that belong to the answer, each as soon as that is certain; `end` says why there are no more.

    Tokens that may be the beginning of a stop text wait. An interrupt discards them: they are drawn again later, so
    that an interrupted and continued answer equals an uninterrupted one. Any other end makes them part of the answer.
    """
    stop, token_text = plan.stop, cursor.token_text
    stop_texts = StopTexts(stop.texts)
    watch = StopWatch(stop_texts, cursor.answered_bytes(stop_texts.reach)) if stop.texts else None
    steps = _steps(cursor, plan, draw, end)
    waiting: list[Decided] = []
    try:
        left, is_stop = stop.max_tokens, False
        while left and not is_stop:
            if cursor.interrupted:
                end.stop = "interrupt"
                waiting.clear()
                break
            block = next(steps, None)
            if block is None:  # only a search ends on its own
                found = plan.found or next(iter(end.best), None)
                why = found.stop if found is not None else ""
                end.stop = why or ("stop" if stop.texts and not stop.ids else "eos")
                break
            block = block[:left]
            left -= len(block)
            whole = _before_end(block, stop.ids)
            if watch is None:
                yield whole
            else:
                for step in whole:
                    waiting.append(step)
                    free, is_stop = watch.add(token_text.piece(step[0]))
                    yield waiting[:free]
                    del waiting[:free]
                    if is_stop:
                        end.stop = "stop"
                        waiting.clear()
                        break
            if len(whole) < len(block) and not is_stop:
                end.stop = "eos"
                break
        steps.close()  # a strategy that does not end is a fault
    except Interrupted:
        end.stop = "interrupt"
        return
    except AnswerEnded:
        end.stop = "plugin"
    except SeqshellError as error:
        end.stop, end.fault = "error", error
    except GeneratorExit:
        with suppress(PluginError):
            steps.close()
        raise
    yield waiting


def _before_end(block: Sequence[Decided], ends: frozenset[int]) -> Sequence[Decided]:
    """The steps before the first one that ends an answer."""
    if ends:
        for number, step in enumerate(block):
            if step[0] in ends:
                return block[:number]
    return block


def _steps(cursor: Cursor, plan: GenerationPlan, draw: Draw, end: End) -> Generator[Sequence[Decided], None, None]:
    """What the strategy chooses, one step or several at a time. PluginError names the strategy if it fails."""
    if plan.found is not None:
        yield from _hypothesis_steps(cursor, plan.found, cursor.memories(plan.samplers))
        return
    if plan.row is not None:
        for token, state, outputs, memories in plan.row(cursor):
            yield ((token, outputs[0], (state, outputs, memories)),)
        return
    memories = cursor.memories(plan.samplers)
    with closing(search(cursor, plan, (draw,))) as steps:
        for step in steps:
            if isinstance(step, Advanced):
                tokens, state, outputs, rows = step
                yield ((int(tokens[0]), outputs[0], (state, outputs, rows[0])),)
            elif isinstance(step, Block):
                kept = Steps(step.tokens, step.states, step.outputs, step.memories, plan.samplers)
                yield list(zip(step.tokens, kept.rows(), repeat(kept)))
            else:
                end.best = step.best
                yield from _hypothesis_steps(cursor, step.best[0], memories)


def search(
    cursor: Cursor, plan: GenerationPlan, draws: tuple[Draw, ...]
) -> Generator[Advanced | Block | Hypotheses, None, None]:
    """The search of the plan's strategy from here on, a row for each of the draws. Raises as `guarded_search`."""
    rows, strategy, context = len(draws), plan.strategy, cursor.context(draws[0])
    outputs, state = cursor.outputs()[None], cursor.here.state
    if rows > 1:
        outputs, state = np.repeat(outputs, rows, 0), map_leaves(lambda leaf: np.repeat(leaf, rows, 0), state)
    memories, generated = (cursor.memories(plan.samplers),) * rows, (context.generated,) * rows
    start = Batch(state, outputs, (context.tokens,) * rows, memories, (context.position,) * rows, generated)
    request = Request(
        plan.stop,
        plan.samplers,
        draws[0],
        plan.num_best,
        plan.prefix,
        cursor.model.tokenizer,
        plan.excluded,
        copying=plan.copying,
        open=plan.open,
        draws=draws,
        takes_blocks=type(strategy) is Sample,
    )
    decoder: Decoder = cursor.decoder if strategy.streams else InterruptibleDecoder(cursor)
    return guarded_search(strategy, decoder, start, request)


def _hypothesis_steps(cursor: Cursor, found: Hypothesis, memories: Memories) -> Iterator[Sequence[Decided]]:
    """The steps of an answer that a search found.

    Leaves that do not change are one array in all states; none is a view of a batch.
    """
    before = cursor.here.state
    for token, state, outputs in zip(found.ids, found.states, found.outputs, strict=True):
        before = map_leaves(_unchanged_or_detached, state, before)
        after = detached(outputs)
        yield ((token, after[0], (before, after, memories)),)


def _unchanged_or_detached(leaf: Any, before: Any) -> Any:
    if is_opaque(leaf):
        return leaf
    same = leaf is before or (leaf.shape == before.shape and np.array_equal(leaf, before))
    return before if same else detached(leaf)


class Interrupted(HostStop):
    """The user interrupted a search. Never leaves this package."""


class InterruptibleDecoder(StoppableDecoder):
    """The decoder that a search is given: an interrupt ends the search between two model calls."""

    def __init__(self, cursor: Cursor) -> None:
        def check() -> None:
            if cursor.interrupted:
                raise Interrupted

        super().__init__(cursor.decoder, check)
