"""Answer many sources at once, in batches of similar length: for files, evaluation and validation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqshell.core.decoder import SourceDecoder
from seqshell.core.errors import UsageError
from seqshell.core.sampling import ENDED, Advanced, AnswerEnded, Batch, Hypotheses, Hypothesis, Request, Strategy
from seqshell.core.threads import in_threads
from seqshell.decoding.beam_search import COMPACT_SHARE
from seqshell.decoding.candidates import log_totals
from seqshell.decoding.chain import Memories
from seqshell.decoding.guarded_search import guarded_search
from seqshell.decoding.hypotheses import PathNode, Trail
from seqshell.decoding.stop_texts import BranchingStops
from seqshell.decoding.stoppable import StoppableDecoder

SOURCE_TOKENS = 8192  # of a batch, including padding: a search holds the encoded source of every hypothesis


def answers(
    decoder: SourceDecoder,
    sources: Sequence[Sequence[int]],
    strategy: Strategy,
    request: Request,
    *,
    bos: int = 1,
    pad: int = 0,
    batch_size: int = 64,
    num_threads: int = 1,
) -> Generator[tuple[int, tuple[Hypothesis, ...]], None, None]:
    """Yield (number of the source, its answers, best first), in any order.

    sources: ids that end with EOS, without padding. A strategy that streams gives one answer each, whose score is the
    model's log-probability; UsageError if request.num_best is larger. Every answer is the same as without the other
    sources. num_threads: that work on batches, which are the same for any number of threads, and so are the answers
    to the last bit. One begins with short sources, several with long ones, so that they end at about the same time.
    """
    if strategy.streams and request.num_best > 1:
        raise UsageError(
            f"{strategy.name} finds one answer, not {request.num_best:,}; /strategies lists the ones that search"
        )

    def found(numbers: list[int], check: Callable[[], None]) -> Iterator[tuple[int, tuple[Hypothesis, ...]]]:
        run = decoder if num_threads <= 1 else StoppableDecoder(decoder, check)
        start = _started(run, [sources[number] for number in numbers], bos, pad)
        kind = _streamed if strategy.streams else _searched
        for row, best in kind(run, start, strategy, request):
            yield numbers[row], best

    batches = list(_batches([len(source) for source in sources], batch_size))
    if num_threads > 1:
        batches.sort(key=lambda numbers: -len(sources[numbers[-1]]))  # of equal ones, the first sources first
    yield from in_threads(found, batches, num_threads)


def _batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """The numbers of the sources of each batch, those of similar length together."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[number] > SOURCE_TOKENS):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _started(decoder: SourceDecoder, sources: Sequence[Sequence[int]], bos: int, pad: int) -> Batch:
    """The state before the first target token: the sources are encoded and BOS is read."""
    lengths = tuple(map(len, sources))
    source = np.full((len(sources), max(lengths)), pad, np.int64)
    for row, ids in enumerate(sources):
        source[row, : len(ids)] = ids
    outputs, state = decoder.step(
        np.full(len(sources), bos, np.int64), decoder.encode(source, np.array(lengths, np.int64))
    )
    nothing: tuple[tuple[Any, ...], ...] = ((),) * len(sources)
    zeros = (0,) * len(sources)
    return Batch(state, outputs, nothing, nothing, zeros, zeros, lengths)


def _searched(
    decoder: SourceDecoder, start: Batch, strategy: Strategy, request: Request
) -> Iterator[tuple[int, tuple[Hypothesis, ...]]]:
    """Yield each row that is finished. A row that END leaves without an answer has an empty one."""
    left = dict.fromkeys(range(len(start.outputs)))
    try:
        for step in guarded_search(strategy, decoder, start, request):
            if isinstance(step, Hypotheses):
                left.pop(step.row, None)
                yield step.row, step.best
    except AnswerEnded:
        for row in left:
            yield row, (Hypothesis((), 0.0, 0.0, (), (), "plugin"),)


def _streamed(
    decoder: SourceDecoder, start: Batch, strategy: Strategy, request: Request
) -> Iterator[tuple[int, tuple[Hypothesis, ...]]]:
    """Yield each row at its end.

    Finished rows are removed when they are an eighth of the batch; the strategy restarts with the others.
    """
    stop = request.stop
    endings = BranchingStops(stop.texts, request.tokenizer) if stop.texts and request.tokenizer else None
    trail = Trail(decoder, start, request.keeps_states)
    log_probs = [0.0] * len(start.histories)
    live = list(range(len(start.histories)))  # rows of the start that are still in the batch
    nodes: list[PathNode | None] = [PathNode(None, -1, -1, row) for row in live]  # None if a row is finished
    steps = guarded_search(strategy, decoder, start, request)
    why = ""  # as the stop of a Hypothesis
    for number in range(stop.max_tokens):
        try:
            step = next(steps, None)
        except AnswerEnded:
            why = "plugin"
            break
        if not isinstance(step, Advanced):  # the strategy ended on its own
            break
        gained = trail.outputs[np.arange(len(live)), step.tokens] - log_totals(trail.outputs)
        trail.record(step.state, step.outputs)
        for place, (node, token) in enumerate(zip(nodes, map(int, step.tokens), strict=True)):
            if node is None:
                continue
            row = live[place]
            if token == ENDED:
                yield row, (trail.hypothesis(node, number, log_probs[row], log_probs[row], "plugin"),)
                nodes[place] = None
                continue
            log_probs[row] += float(gained[place])
            tail, num_bytes = endings.read(token, node.tail) if endings else (b"", 0)
            if token not in stop.ids and not num_bytes:
                nodes[place] = PathNode(node, token, number, place, (), tail)
                continue
            num_ids = endings.cut([*node.ids(), token], num_bytes) if endings and num_bytes else number
            yield row, (trail.hypothesis(node, num_ids, log_probs[row], log_probs[row]),)
            nodes[place] = None
        kept = [place for place, node in enumerate(nodes) if node is not None]
        if not kept:
            return
        if (len(nodes) - len(kept)) * COMPACT_SHARE >= len(nodes):
            trail.keep_rows(np.array(kept))
            live, nodes = [live[place] for place in kept], [nodes[place] for place in kept]
            restart = _restart(start, trail, live, nodes, tuple(step.memories[place] for place in kept))
            later = replace(request, prefix=request.prefix[number + 1 :])
            steps = guarded_search(strategy, decoder, restart, later)
        trail.thin(nodes)
    for row, node in zip(live, nodes, strict=True):
        if node is not None:
            yield row, (trail.hypothesis(node, stop.max_tokens, log_probs[row], log_probs[row], why),)


def _restart(
    start: Batch, trail: Trail, live: list[int], nodes: list[PathNode | None], memories: tuple[Memories, ...]
) -> Batch:
    """The start of a search that continues the rows `live` from here."""
    written = [[] if node is None else node.ids() for node in nodes]
    positions, generated = (
        [counts[row] + len(ids) for row, ids in zip(live, written, strict=True)]
        for counts in (start.positions, start.generated)
    )
    lengths = tuple(start.source_lengths[row] for row in live)
    answered = tuple(map(len, written))
    counts = tuple(positions), tuple(generated)
    return Batch(trail.state, trail.outputs, tuple(written), memories, *counts, lengths, answered)
