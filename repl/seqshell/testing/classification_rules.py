"""Further rules for decoders of CLASSIFY: padding of the texts has no effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from seqshell.core.decoder import Decoder
from seqshell.core.state import rows
from seqshell.core.tokenizers import PAD
from seqshell.testing.compare import result_difference
from seqshell.testing.examples import STEPS, Example, Ids

LENGTHS = (4, STEPS, 1)  # of the texts, at most
EXTRA = 5  # columns of padding


def _lengths(example: Example) -> list[int]:
    return [min(length, example.steps) for length in LENGTHS[: example.batch]]


def ragged(example: Example) -> Ids:
    """Return the texts cut to LENGTHS and padded: [B, T]."""
    return np.where(np.arange(example.steps) < np.array(_lengths(example))[:, None], example.inputs, PAD)


def padding(decoder: Decoder, example: Example) -> str:
    texts = ragged(example)
    outputs, state = decoder.feed(texts, example.start(decoder))
    padded = decoder.feed(np.pad(texts, ((0, 0), (0, EXTRA)), constant_values=PAD), example.start(decoder))
    if seen := result_difference(padded, (outputs, state)):
        return f"with more padding: {seen}"
    for index, length in enumerate(_lengths(example)):
        row = slice(index, index + 1)
        alone = replace(example.rows(row), inputs=texts[row, :length])
        if seen := result_difference(
            (outputs[row], rows(state, row)), decoder.feed(alone.inputs, alone.start(decoder))
        ):
            return f"row {index} without padding: {seen}"
    return ""


CLASSIFICATION_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {"padding changes nothing": padding}
