"""Tensors of a checkpoint as float32 arrays: `take` checks their shapes, `packed` aligns them in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.kernels.packing import Floats, packed

__all__ = ["Floats", "Weights", "packed", "take"]

Weights = Mapping[str, NDArray[Any]]


def take(weights: Weights, name: str, *shape: int) -> Floats:
    """The named tensor in float32. Raises CheckpointError if it is missing, has another shape, or has no floats."""
    if name not in weights:
        raise CheckpointError(f"the checkpoint lacks the tensor {name}")
    tensor = weights[name]
    if tensor.shape != shape:
        raise CheckpointError(f"the tensor {name} is {list(tensor.shape)}; the config requires {list(shape)}")
    if tensor.dtype.kind != "f":
        raise CheckpointError(f"the tensor {name} has numbers of the type {tensor.dtype}; weights must be floats")
    return np.asarray(tensor, np.float32)
