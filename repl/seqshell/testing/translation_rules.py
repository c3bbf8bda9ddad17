"""The rules that hold for every Decoder of TRANSLATE beside those for all: what it makes of sources, and what its state keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.state import State, attention_of, leaves, named_leaves
from seqshell.core.tokenizers import EOS, PAD
from seqshell.testing.compare import SAME, apart, moment_apart
from seqshell.testing.examples import Example

FURTHER = 5  # columns of padding more


def empty_source(decoder: Decoder, example: Example) -> str:
    for batch in sorted({1, example.batch}):
        alone = replace(example.rows(slice(batch)), sources=np.full((batch, 1), EOS), lengths=np.ones(batch, np.int64))
        nothing = np.empty(0)
        if seen := moment_apart((nothing, decoder.initial_state(batch)), (nothing, alone.start(decoder))):
            return seen
    return ""


def source_padding(decoder: Decoder, example: Example) -> str:
    sources, lengths = example.sources, example.lengths
    expected = _steps(decoder, example)
    further = replace(example, sources=np.pad(sources, ((0, 0), (0, FURTHER)), constant_values=PAD))
    if seen := _same(_steps(decoder, further), expected, slice(None)):
        return f"padded further: {seen}"
    for index, length in enumerate(lengths):
        row = slice(index, index + 1)
        alone = replace(example.rows(row), sources=sources[row, :length])
        if seen := _same(_steps(decoder, alone), expected, row):
            return f"row {index} without padding: {seen}"
    return ""


def constant_leaves(decoder: Decoder, example: Example) -> str:
    start = example.start(decoder)
    state = start
    moments = [decoder.feed(example.inputs, start)[1]]
    for column in example.inputs.T:
        state = decoder.step(column, state)[1]
        moments.append(state)
    for place, (name, leaf) in enumerate(named_leaves(start)):
        found = [list(leaves(moment))[place] for moment in moments]
        if all(np.array_equal(leaf, each) for each in found) and any(leaf is not each for each in found):
            return f"{name} never changes, but it is another array after a {'feed' if leaf is not found[0] else 'step'}"
    return ""


def attention(decoder: Decoder, example: Example) -> str:
    sources, lengths = example.sources, example.lengths
    if attention_of(example.start(decoder)) is None:
        return ""
    is_padding = np.arange(sources.shape[1]) >= lengths[:, None]
    for number, (_, state) in enumerate(_steps(decoder, example)):
        weights = attention_of(state)
        if weights.shape != sources.shape:
            return f"attention {list(weights.shape)} instead of {list(sources.shape)}"
        if seen := apart("its sums", weights.sum(1), np.ones(example.batch)):
            return f"step {number}: {seen}"
        if weights.min() < 0 or weights[is_padding].any():
            return f"step {number}: up to {weights[is_padding].max(initial=0):.2g} at padding, and {weights.min():.2g} at the least"
    return ""


TRANSLATION_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {
    "initial_state is the encoding of EOS alone": empty_source,
    "padding of the source changes nothing": source_padding,
    "what a step does not change is handed on as the same array": constant_leaves,
    "the leaf called attention, if there is one, is [B, S], sums to 1 and is 0 at padding": attention,
}


def _steps(decoder: Decoder, example: Example) -> list[tuple[NDArray[Any], State]]:
    """Outputs and state after every step."""
    state, moments = example.start(decoder), []
    for column in example.inputs.T:
        outputs, state = decoder.step(column, state)
        moments.append((outputs, state))
    return moments


def _same(seen: list[tuple[NDArray[Any], State]], expected: list[tuple[NDArray[Any], State]], row: slice) -> str:
    """The outputs of some rows, and their attention where both have a column for the token."""
    for number, ((outputs, state), (wanted, before)) in enumerate(zip(seen, expected, strict=True)):
        if found := apart("outputs", outputs, wanted[row]):
            return f"step {number}: {found}"
        weights, other = attention_of(state), attention_of(before)
        if weights is not None:
            size = min(weights.shape[1], other.shape[1])
            if found := apart("attention", weights[:, :size], other[row, :size], SAME):
                return f"step {number}: {found}"
    return ""
