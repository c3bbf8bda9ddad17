"""The rules that hold for every Decoder of a language model: one of its own, or a torch module that the host wrapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.decoder import Decoder
from seqshell.state import State, leaves, map_leaves, named_leaves, rows
from seqshell.testing.comparing import apart, moment_apart

VOCAB_SIZE = 11
BATCH, STEPS = 3, 9
EQUAL = 1e-4  # a decoder against its module

Ids = NDArray[np.int64]


def example_inputs() -> Ids:
    """[BATCH, STEPS] ids."""
    return np.random.default_rng(0).integers(0, VOCAB_SIZE, (BATCH, STEPS))


def shapes(decoder: Decoder, inputs: Ids) -> str:
    state = first = decoder.initial_state(BATCH)
    for column in inputs.T:
        outputs, state = decoder.step(column, state)
        if outputs.shape != (BATCH, VOCAB_SIZE) or not np.issubdtype(outputs.dtype, np.floating):
            return f"outputs {list(outputs.shape)} of {outputs.dtype} instead of {[BATCH, VOCAB_SIZE]} of floats"
        if type(state) is not type(first):
            return f"the state becomes a {type(state).__name__}"
        for (name, leaf), start in zip(named_leaves(state), leaves(first), strict=True):
            if leaf.shape[:1] != (BATCH,) or leaf.dtype != start.dtype:
                return f"{name} is {list(leaf.shape)} of {leaf.dtype} after a step, {list(start.shape)} of {start.dtype} at first"
    return moment_apart((outputs, rows(first, slice(1))), (outputs, decoder.initial_state()))


def pieces(decoder: Decoder, inputs: Ids) -> str:
    for batch in (1, BATCH):
        texts, start = inputs[:batch], decoder.initial_state(batch)
        whole = decoder.feed(texts, start)
        state = start
        for piece in (texts[:, :4], texts[:, 4:]):
            outputs, state = decoder.feed(piece, state)
        if seen := moment_apart((outputs, state), whole):
            return f"fed in two pieces: {seen}"
        state = start
        for column in texts.T:
            outputs, state = decoder.step(column, state)
        if seen := moment_apart((outputs, state), whole):
            return f"read step by step: {seen}"
    return ""


def rows_apart(decoder: Decoder, inputs: Ids) -> str:
    def read(texts: Ids) -> tuple[NDArray[Any], State]:
        _, state = decoder.feed(texts[:, :4], decoder.initial_state(len(texts)))
        return decoder.feed(texts[:, 4:], state)

    outputs, state = read(inputs)
    for index in range(BATCH):
        row = slice(index, index + 1)
        if seen := moment_apart((outputs[row], rows(state, row)), read(inputs[row])):
            return f"row {index} in the batch and alone: {seen}"
    return ""


def permuted(decoder: Decoder, inputs: Ids) -> str:
    order = np.array([2, 0, 0, 1])
    _, state = decoder.feed(inputs[:, :-1], decoder.initial_state(BATCH))
    outputs, after = decoder.step(inputs[:, -1], state)
    return moment_apart(decoder.step(inputs[order, -1], rows(state, order)), (outputs[order], rows(after, order)))


def unwritten(decoder: Decoder, inputs: Ids) -> str:
    for batch in (1, BATCH):
        moment = decoder.feed(inputs[:batch], decoder.initial_state(batch))
        before = map_leaves(np.copy, moment)
        decoder.feed(inputs[:batch], moment[1])
        decoder.step(inputs[:batch, 0], moment[1])
        if seen := moment_apart(moment, before, limit=0):
            return f"what an earlier call returned was written to: {seen}"
    return ""


def replayed(decoder: Decoder, inputs: Ids) -> str:
    _, kept = decoder.feed(inputs[:1], decoder.initial_state())
    for first, second in zip(_greedy(decoder, kept), _greedy(decoder, kept), strict=True):
        if seen := moment_apart(second, first, limit=0):
            return f"greedy twice: {seen}"
    return ""


DECODER_RULES: Mapping[str, Callable[[Decoder, Ids], str]] = {
    "the outputs are [B, V], and the leaves of a state [B, ...] and always of one kind": shapes,
    "reading in pieces equals reading at once": pieces,
    "the rows of a batch do not mix": rows_apart,
    "permuted rows give permuted outputs and states": permuted,
    "a state is not written to after it was returned": unwritten,
    "a kept state that is read again gives the same bits": replayed,
}


def equals(own: Decoder, module: Decoder, inputs: Ids) -> str:
    """The outputs of a decoder against those of its module; their states may be of different kinds."""
    for batch in (1, BATCH):
        texts = inputs[:batch]
        state, expected_state = own.initial_state(batch), module.initial_state(batch)
        if seen := apart("outputs", own.feed(texts, state)[0], module.feed(texts, expected_state)[0], EQUAL):
            return f"fed {batch} rows: {seen}"
        for column in texts.T:
            outputs, state = own.step(column, state)
            expected, expected_state = module.step(column, expected_state)
            if seen := apart("outputs", outputs, expected, EQUAL):
                return f"stepped with {batch} rows: {seen}"
    return ""


def _greedy(decoder: Decoder, state: State) -> Iterator[tuple[NDArray[Any], State]]:
    token = np.zeros(1, np.int64)
    for _ in range(STEPS):
        outputs, state = decoder.step(token, state)
        yield outputs, state
        token = outputs.argmax(1)
