"""Weights in the order in which the kernels read them, aligned in memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_LINE = 64  # bytes; a matrix-vector product takes about a tenth less time if the matrix starts on a cache line
LARGE_PAGE = 1 << 21  # bytes; numpy asks for large pages, with which reading more than 12 MB takes a fifth less time
UNITS = 16  # of a block of a layer with gates
COLUMNS = 64  # of a block of any other matrix

Floats = NDArray[np.float32]


def packed(matrix: NDArray[Any]) -> Floats:
    """A float32 copy in C order that starts on a cache line."""
    copy = aligned(matrix.shape)
    copy[...] = matrix
    return copy


def blocks(*weights: NDArray[Any], gates: int = 1, kind: type[np.generic] = np.float32) -> NDArray[Any]:
    """weights: [I, gates * H] each, one below the other. Returns [H / 16, sum of I, gates, 16], for one gate
    [H / 64, sum of I, 1, 64]; the rest is zeros. kind: of the numbers.
    """
    rows, size = sum(map(len, weights)), weights[0].shape[1] // gates
    width = UNITS if gates > 1 else COLUMNS
    number, rest = divmod(size, width)
    made = aligned((number + (rest > 0), rows, gates, width), kind)
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


def aligned(shape: tuple[int, ...], kind: type[np.generic] = np.float32) -> NDArray[Any]:
    """Room for numbers that starts on a cache line, or fills large pages of memory."""
    size = np.dtype(kind).itemsize * math.prod(shape)
    unit = LARGE_PAGE if size >= LARGE_PAGE else CACHE_LINE
    buffer = np.empty((size // unit + 2) * unit, np.uint8)
    start = -buffer.ctypes.data % unit
    return buffer[start : start + size].view(kind).reshape(shape)
