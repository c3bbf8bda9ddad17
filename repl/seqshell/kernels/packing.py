"""Weights in the order in which the kernels read them, aligned in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_LINE = 64  # bytes; a matrix-vector product takes about a tenth less time if the matrix starts on a cache line
UNITS = 16  # of a block of a layer with gates
COLUMNS = 64  # of a block of any other matrix

Floats = NDArray[np.float32]


def packed(matrix: NDArray[Any]) -> Floats:
    """A float32 copy in C order that starts on a cache line."""
    size = matrix.size * 4
    buffer = np.empty(size + CACHE_LINE, np.uint8)
    start = -buffer.ctypes.data % CACHE_LINE
    copy = buffer[start : start + size].view(np.float32).reshape(matrix.shape)
    copy[...] = matrix
    return copy


def blocks(weight: Floats, gates: int = 1) -> Floats:
    """weight: [I, gates * H]. Returns [H / 16, I, gates, 16], or for one gate [H / 64, I, 64]; the rest is zeros."""
    rows, size = len(weight), weight.shape[1] // gates
    width = UNITS if gates > 1 else COLUMNS
    number = -(-size // width)
    padded = np.zeros((rows, gates, number * width), np.float32)
    padded[:, :, :size] = weight.reshape(rows, gates, size)
    return packed(padded.reshape(rows, gates, number, width).transpose(2, 0, 1, 3))
