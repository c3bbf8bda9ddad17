"""The rules for decoders that compute surprisals, or the outputs of many steps, themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqshell.decoding.probabilities import log_probs
from seqshell.testing.compare import result_difference
from seqshell.testing.examples import Example


def surprisals(decoder: Any, example: Example) -> str:
    """Compare the surprisals of targets, and the state after them, with those of single steps."""
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        state = part.start(decoder)
        targets = np.roll(part.inputs, -1, axis=1)
        found = decoder.surprisals(part.inputs, targets, state)
        expected = []
        for column, target in zip(part.columns, targets.T, strict=True):
            logits, state = decoder.step(column, state)
            expected.append(-np.take_along_axis(log_probs(logits), target[:, None], 1))
        if seen := result_difference(found, (np.concatenate(expected, 1), state)):
            return f"{batch} rows: {seen.replace('outputs', 'surprisals', 1)}"
    return ""


def outputs_of_steps(decoder: Any, example: Example) -> str:
    """Compare the outputs of many steps, and the state after them, with those of single steps, in every bit."""
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        state = part.start(decoder)
        found = decoder.outputs_of_steps(part.inputs, state)
        expected = []
        for column in part.columns:
            outputs, state = decoder.step(column, state)
            expected.append(outputs)
        if seen := result_difference(found, (np.stack(expected, 1), state), 0.0):
            return f"{batch} rows: {seen}"
    return ""
