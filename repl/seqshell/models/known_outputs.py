"""Check an imported model against outputs of the original. Imports torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from seqshell.core.errors import CheckpointError
from seqshell.core.imported_model import KnownOutputs
from seqshell.core.model import Architecture
from seqshell.models.task_parts.parts import Inputs, parts_of
from seqshell.models.torch_decoder import wrap_module


def largest_difference(architecture: Architecture, module: Any, checks: Iterable[KnownOutputs]) -> float:
    """The largest difference between the module's outputs and the original's, 0 without checks.

    Raises CheckpointError if one is larger than its check tolerates.
    """
    decoder, largest = wrap_module(architecture, module), 0.0
    for known in checks:
        expected = np.asarray(known.outputs, np.float64)
        tokens = np.array([known.tokens], np.int64)
        source = np.array([known.source], np.int64) if known.source else None
        inputs = Inputs(tokens, sources=source, lengths=None if source is None else np.array([source.shape[1]]))
        state = parts_of(architecture.task).start(decoder, inputs)
        if expected.ndim == 1:
            found = decoder.feed(tokens, state)[0]
        else:
            steps = []
            for token in tokens[0]:
                outputs, state = decoder.step(np.array([token]), state)
                steps.append(outputs)
            found = np.concatenate(steps)
            expected = expected.reshape(-1, expected.shape[-1])
        if found.reshape(-1).shape != expected.reshape(-1).shape:
            raise CheckpointError(
                f"the original has outputs {list(expected.shape)} for {tokens.size} tokens, "
                f"and the imported model {list(found.shape)}"
            )
        distance = np.abs(found.reshape(-1) - expected.reshape(-1))
        place = int(distance.argmax())
        largest = max(largest, float(distance[place]))
        if not distance[place] <= known.tolerance:
            raise CheckpointError(
                f"the imported model computes {found.reshape(-1)[place]:.5g} where the original has "
                f"{expected.reshape(-1)[place]:.5g} (output {place} for {tokens.size} tokens); it is not saved"
            )
    return largest
