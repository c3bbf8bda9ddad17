"""Further rules for decoders of TRANSLATE: encoding and padding of sources, constant leaves, attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.state import State, as_array, attention_of, leaves, named_leaves
from seqshell.core.tokenizers import EOS, PAD
from seqshell.testing.compare import SAME, difference, result_difference
from seqshell.testing.examples import Example

EXTRA = 5  # columns of padding


def empty_source(decoder: Decoder, example: Example) -> str:
    for batch in sorted({1, example.batch}):
        alone = replace(example.rows(slice(batch)), sources=np.full((batch, 1), EOS), lengths=np.ones(batch, np.int64))
        nothing = np.empty(0)
        if seen := result_difference((nothing, decoder.initial_state(batch)), (nothing, alone.start(decoder))):
            return seen
    return ""


def source_padding(decoder: Decoder, example: Example) -> str:
    sources, lengths = example.sources, example.lengths
    expected = _steps(decoder, example)
    padded = replace(example, sources=np.pad(sources, ((0, 0), (0, EXTRA)), constant_values=PAD))
    if seen := _same(_steps(decoder, padded), expected, slice(None)):
        return f"with more padding: {seen}"
    for index, length in enumerate(lengths):
        row = slice(index, index + 1)
        alone = replace(example.rows(row), sources=sources[row, :length])
        if seen := _same(_steps(decoder, alone), expected, row):
            return f"row {index} without padding: {seen}"
    return ""


def constant_leaves(decoder: Decoder, example: Example) -> str:
    start = example.start(decoder)
    state = start
    results = [decoder.feed(example.inputs, start)[1]]
    for column in example.inputs.T:
        state = decoder.step(column, state)[1]
        results.append(state)
    for place, (name, leaf) in enumerate(named_leaves(start)):
        found = [list(leaves(result))[place] for result in results]
        if all(np.array_equal(as_array(leaf), as_array(each)) for each in found) and any(
            leaf is not each for each in found
        ):
            return (
                f"{name} does not change, but is a different array after a {'feed' if leaf is not found[0] else 'step'}"
            )
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
        if seen := difference("the sums of attention", weights.sum(1), np.ones(example.batch)):
            return f"step {number}: {seen}"
        if weights.min() < 0 or weights[is_padding].any():
            largest = weights[is_padding].max(initial=0)
            return f"step {number}: {largest:.2g} at padding, minimum {weights.min():.2g}"
    return ""


TRANSLATION_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {
    "initial_state is the encoding of a source with only EOS": empty_source,
    "padding the source changes nothing": source_padding,
    "leaves that a step does not change stay the same array": constant_leaves,
    "the leaf named attention, if any, is [B, S], sums to 1 and is 0 at padding": attention,
}


def _steps(decoder: Decoder, example: Example) -> list[tuple[NDArray[Any], State]]:
    """Return the outputs and the state after every step."""
    state, results = example.start(decoder), []
    for column in example.inputs.T:
        outputs, state = decoder.step(column, state)
        results.append((outputs, state))
    return results


def _same(seen: list[tuple[NDArray[Any], State]], expected: list[tuple[NDArray[Any], State]], row: slice) -> str:
    """Compare the outputs of some rows, and their attention at the columns that both have."""
    for number, ((outputs, state), (right, before)) in enumerate(zip(seen, expected, strict=True)):
        if found := difference("outputs", outputs, right[row]):
            return f"step {number}: {found}"
        weights, other = attention_of(state), attention_of(before)
        if weights is not None:
            size = min(weights.shape[1], other.shape[1])
            if found := difference("attention", weights[:, :size], other[row, :size], SAME):
                return f"step {number}: {found}"
    return ""
