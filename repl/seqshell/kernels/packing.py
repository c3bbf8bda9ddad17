"""Weights in the order in which the kernels read them, aligned in memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_LINE = 64  # bytes; a matrix-vector product takes about a tenth less time if the matrix starts on a cache line
UNITS = 16  # of a block of a layer with gates
COLUMNS = 64  # of a block of any other matrix

Floats = NDArray[np.float32]


def packed(matrix: NDArray[Any]) -> Floats:
    """A float32 copy in C order that starts on a cache line."""
    copy = _aligned(matrix.shape)
    copy[...] = matrix
    return copy


def blocks(*weights: Floats, gates: int = 1) -> Floats:
    """weights: [I, gates * H] each, one below the other. Returns [H / 16, sum of I, gates, 16], for one gate
    [H / 64, sum of I, 1, 64]; the rest is zeros.
    """
    rows, size = sum(map(len, weights)), weights[0].shape[1] // gates
    width = UNITS if gates > 1 else COLUMNS
    number, rest = divmod(size, width)
    made = _aligned((number + (rest > 0), rows, gates, width))
    if rest:
        made[-1] = 0
    start = 0
    for weight in weights:
        part, given = made[:, start : start + len(weight)], weight.reshape(len(weight), gates, size)
        whole = given[:, :, : number * width].reshape(len(weight), gates, number, width)
        part[:number] = whole.transpose(2, 0, 1, 3)
        if rest:
            part[-1, :, :, :rest] = given[:, :, number * width :]
        start += len(weight)
    return made


def _aligned(shape: tuple[int, ...]) -> Floats:
    """Room for float32 that starts on a cache line."""
    size = 4 * math.prod(shape)
    buffer = np.empty(size + CACHE_LINE, np.uint8)
    start = -buffer.ctypes.data % CACHE_LINE
    return buffer[start : start + size].view(np.float32).reshape(shape)
