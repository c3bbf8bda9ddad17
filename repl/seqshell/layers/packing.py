"""Weights as they come from a checkpoint, checked, and laid out for the processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError

CACHE_LINE = 64  # bytes; a matrix-vector product over rows that start on one takes about a tenth less time

Weights = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float32]


def take(weights: Weights, name: str, *shape: int) -> Floats:
    """The named tensor in float32; CheckpointError when it is missing or has another shape."""
    if name not in weights:
        raise CheckpointError(f"the checkpoint lacks the tensor {name}")
    tensor = weights[name]
    if tensor.shape != shape:
        raise CheckpointError(f"the tensor {name} is {list(tensor.shape)} but the settings ask for {list(shape)}")
    return np.asarray(tensor, np.float32)


def packed(matrix: NDArray[Any]) -> Floats:
    """A copy in C order whose first row starts on a cache line."""
    size = matrix.size * 4
    buffer = np.empty(size + CACHE_LINE, np.uint8)
    start = -buffer.ctypes.data % CACHE_LINE
    copy = buffer[start : start + size].view(np.float32).reshape(matrix.shape)
    copy[...] = matrix
    return copy
