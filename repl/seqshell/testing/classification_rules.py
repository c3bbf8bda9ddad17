"""The rules that hold for every Decoder of CLASSIFY beside those for all: texts are padded, and nobody must notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from seqshell.core.decoder import Decoder
from seqshell.core.state import rows
from seqshell.core.tokenizers import PAD
from seqshell.testing.compare import moment_apart
from seqshell.testing.examples import STEPS, Example, Ids

LENGTHS = (4, STEPS, 1)  # of the texts, where they are long enough
FURTHER = 5  # columns of padding more


def _lengths(example: Example) -> list[int]:
    return [min(length, example.steps) for length in LENGTHS[: example.batch]]


def ragged(example: Example) -> Ids:
    """The texts cut to LENGTHS and padded: [B, T]."""
    return np.where(np.arange(example.steps) < np.array(_lengths(example))[:, None], example.inputs, PAD)


def padding(decoder: Decoder, example: Example) -> str:
    texts = ragged(example)
    outputs, state = decoder.feed(texts, example.start(decoder))
    further = decoder.feed(np.pad(texts, ((0, 0), (0, FURTHER)), constant_values=PAD), example.start(decoder))
    if seen := moment_apart(further, (outputs, state)):
        return f"padded further: {seen}"
    for index, length in enumerate(_lengths(example)):
        row = slice(index, index + 1)
        alone = replace(example.rows(row), inputs=texts[row, :length])
        if seen := moment_apart((outputs[row], rows(state, row)), decoder.feed(alone.inputs, alone.start(decoder))):
            return f"row {index} without padding: {seen}"
    return ""


CLASSIFICATION_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {"padding changes nothing": padding}
