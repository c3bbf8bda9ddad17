"""Check a decoder with one step when a checkpoint is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
