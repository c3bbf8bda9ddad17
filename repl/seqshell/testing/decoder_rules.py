"""The rules that hold for every Decoder of tokens or values: one of its own, or a torch module that the host wrapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.sampling import Advanced, Batch, Hypotheses, Request, Stop
from seqshell.core.state import State, leaves, map_leaves, named_leaves, rows
from seqshell.decoding.beam import Beam
from seqshell.decoding.strategies import Greedy
from seqshell.testing.compare import apart, moment_apart
from seqshell.testing.examples import STEPS, VOCAB_SIZE, Example, Ids

EQUAL = 1e-4  # a decoder against its module


def shapes(decoder: Decoder, example: Example) -> str:
    state = first = example.start(decoder)
    for name, leaf in named_leaves(first):
        if leaf.shape[:1] != (example.batch,):
            return (
                f"{name} is {list(leaf.shape)} at first, where [{example.batch}, ...] is needed: the batch comes first"
            )
    for column in example.columns:
        outputs, state = decoder.step(column, state)
        wanted = (example.batch, *example.output)
        fits = outputs.ndim == len(wanted) and all(
            size in (None, seen) for seen, size in zip(outputs.shape, wanted, strict=True)
        )
        if not fits or not np.issubdtype(outputs.dtype, np.floating):
            return f"outputs {list(outputs.shape)} of {outputs.dtype} instead of {['any' if size is None else size for size in wanted]} of floats"
        if type(state) is not type(first):
            return f"the state becomes a {type(state).__name__}"
        for (name, leaf), start in zip(named_leaves(state), leaves(first), strict=True):
            if leaf.shape[:1] != (example.batch,) or leaf.dtype != start.dtype:
                return f"{name} is {list(leaf.shape)} of {leaf.dtype} after a step, {list(start.shape)} of {start.dtype} at first"
    return moment_apart((outputs, rows(first, slice(1))), (outputs, example.rows(slice(1)).start(decoder)))


def pieces(decoder: Decoder, example: Example) -> str:
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        texts, start = part.inputs, part.start(decoder)
        whole = decoder.feed(texts, start)
        if seen := moment_apart(_in_two(decoder, part), whole):
            return f"fed in two pieces: {seen}"
        state = start
        for column in part.columns:
            outputs, state = decoder.step(column, state)
        if seen := moment_apart((outputs, state), whole):
            return f"read step by step: {seen}"
    return ""


def rows_apart(decoder: Decoder, example: Example) -> str:
    outputs, state = _in_two(decoder, example)
    for index in range(example.batch):
        row = slice(index, index + 1)
        if seen := moment_apart((outputs[row], rows(state, row)), _in_two(decoder, example.rows(row))):
            return f"row {index} in the batch and alone: {seen}"
    return ""


def permuted(decoder: Decoder, example: Example) -> str:
    last = example.batch - 1
    order = np.array([last, 0, 0, min(1, last)])
    inputs, state = example.inputs, example.start(decoder)
    if example.steps > 1:
        _, state = decoder.feed(inputs[:, :-1], state)
    outputs, after = decoder.step(inputs[:, -1], state)
    return moment_apart(decoder.step(inputs[order, -1], rows(state, order)), (outputs[order], rows(after, order)))


def unwritten(decoder: Decoder, example: Example) -> str:
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        start = part.start(decoder)
        moments = start, decoder.feed(part.inputs, start)
        before = map_leaves(np.copy, moments)
        decoder.feed(part.inputs, moments[1][1])
        decoder.step(part.inputs[:, 0], moments[1][1])
        decoder.step(part.inputs[:, 0], start)
        for seen, expected in zip(moments, before, strict=True):
            if apart_by := moment_apart((np.empty(0), seen), (np.empty(0), expected), limit=0):
                return f"what an earlier call returned was written to: {apart_by}"
    return ""


def replayed(decoder: Decoder, example: Example) -> str:
    part = example.rows(slice(1))
    _, kept = decoder.feed(part.inputs, part.start(decoder))
    read = _greedy if part.output == (VOCAB_SIZE,) else partial(_again, part)  # labels and values are not read
    for first, second in zip(read(decoder, kept), read(decoder, kept), strict=True):
        if seen := moment_apart(second, first, limit=0):
            return f"read twice: {seen}"
    return ""


def beam_of_one(decoder: Decoder, example: Example) -> str:
    outputs, state = decoder.feed(example.inputs[:, :1], example.start(decoder))
    nothing: tuple[tuple[Any, ...], ...] = ((),) * example.batch
    start = Batch(state, outputs, nothing, nothing, (1,) * example.batch, (0,) * example.batch)
    request = Request(Stop(example.steps), keeps_states=False)
    greedy: list[list[int]] = [[] for _ in range(example.batch)]
    for step, _ in zip(Greedy().search(decoder, start, request), range(example.steps), strict=False):
        assert isinstance(step, Advanced)
        for ids, token in zip(greedy, step.tokens.tolist(), strict=True):
            ids.append(token)
    for found in Beam(width=1).search(decoder, start, request):
        assert isinstance(found, Hypotheses)
        if list(found.best[0].ids) != greedy[found.row]:
            return f"row {found.row}: {list(found.best[0].ids)} instead of {greedy[found.row]}"
    return ""


DECODER_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {
    "the outputs are those of the task, and the leaves of a state [B, ...] and always of one kind": shapes,
    "the rows of a batch do not mix": rows_apart,
    "permuted rows give permuted outputs and states": permuted,
    "a state is not written to after it was returned": unwritten,
    "a kept state that is read again gives the same bits": replayed,
}
CAUSAL_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {"reading in pieces equals reading at once": pieces}
# For models whose outputs are drawn from.
DRAWING_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {"a beam of one is greedy": beam_of_one}


def equals(own: Decoder, module: Decoder, example: Example) -> str:
    """The outputs of a decoder against those of its module; their states may be of different kinds."""
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        state, expected_state = part.start(own), part.start(module)
        if seen := apart(
            "outputs", own.feed(part.inputs, state)[0], module.feed(part.inputs, expected_state)[0], EQUAL
        ):
            return f"fed {batch} rows: {seen}"
        for column in part.columns:
            outputs, state = own.step(column, state)
            expected, expected_state = module.step(column, expected_state)
            if seen := apart("outputs", outputs, expected, EQUAL):
                return f"stepped with {batch} rows: {seen}"
    return ""


def _in_two(decoder: Decoder, example: Example) -> tuple[NDArray[Any], State]:
    """Read in two pieces, where there are two steps."""
    state, middle = example.start(decoder), example.steps // 2
    if middle:
        _, state = decoder.feed(example.inputs[:, :middle], state)
    return decoder.feed(example.inputs[:, middle:], state)


def _again(example: Example, decoder: Decoder, state: State) -> Iterator[tuple[NDArray[Any], State]]:
    for column in example.columns:
        outputs, state = decoder.step(column, state)
        yield outputs, state


def _greedy(decoder: Decoder, state: State) -> Iterator[tuple[NDArray[Any], State]]:
    token: Ids = np.zeros(1, np.int64)
    for _ in range(STEPS):
        outputs, state = decoder.step(token, state)
        yield outputs, state
        token = outputs.argmax(1)
