"""Check a decoder with one step when a checkpoint is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqshell.core.errors import CheckpointError
from seqshell.core.model import Architecture
from seqshell.core.plugin_guard import Guard, Owner
from seqshell.models.task_parts.parts import Contents, parts_of

if TYPE_CHECKING:
    from seqshell.core.decoder import Decoder


def check_step(decoder: Decoder, architecture: Architecture, contents: Contents) -> None:
    """Try one step, so that a broken model fails now and not in the middle of an answer. Raises CheckpointError."""
    import numpy as np

    parts = parts_of(architecture.task)
    what = f"the architecture {architecture.name}"
    with (
        Guard(what, Owner(), "fails with these weights", passes_errors=False, raises=CheckpointError),
        np.errstate(all="ignore"),
    ):
        outputs = parts.try_step(decoder, contents)
    shape, reason = parts.output_shape(contents)
    if outputs.shape != (1, *shape):
        raise CheckpointError(f"the model's outputs have the shape {outputs.shape}, not {(1, *shape)}: {reason}")
    if not np.isfinite(outputs).all():
        raise CheckpointError("the model's outputs are not finite numbers")
