"""Check a decoder: one step when a checkpoint is opened, and a comparison with the torch module when one is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError, reason_of
from seqshell.core.model import Architecture
from seqshell.models.task_parts.parts import Contents, parts_of

if TYPE_CHECKING:
    from seqshell.core.decoder import Decoder


def check_step(decoder: Decoder, architecture: Architecture, contents: Contents) -> None:
    """Try one step, so that a broken model fails now and not in the middle of an answer. Raises CheckpointError."""
    import numpy as np

    parts = parts_of(architecture.task)
    try:
        outputs = parts.try_step(decoder, contents)
    except Exception as error:
        raise CheckpointError(
            f"the architecture {architecture.name} fails with these weights: {reason_of(error)}"
        ) from error
    shape, reason = parts.output_shape(contents)
    if outputs.shape != (1, *shape):
        raise CheckpointError(f"the model's outputs have the shape {outputs.shape}, not {(1, *shape)}: {reason}")
    if not np.isfinite(outputs).all():
        raise CheckpointError("the model's outputs are not finite numbers")


def difference(decoder: Decoder, reference: Decoder, architecture: Architecture, config: Any) -> float:
    """Return the largest difference between the outputs of two decoders with the same weights."""
    import numpy as np

    parts = parts_of(architecture.task)
    inputs = parts.random_inputs(config)
    both = decoder, reference
    starts = [parts.start(each, config, len(inputs[0])) for each in both]
    largest = np.zeros(())  # np.maximum keeps NaN
    for batch in inputs:
        found, expected = (each.feed(batch, state)[0] for each, state in zip(both, starts, strict=True))
        largest = np.maximum(largest, np.abs(found - expected).max())
    states = starts
    for column in inputs[0].swapaxes(0, 1):
        (found, own), (expected, other) = (each.step(column, state) for each, state in zip(both, states, strict=True))
        largest, states = np.maximum(largest, np.abs(found - expected).max()), [own, other]
    return float(largest)
