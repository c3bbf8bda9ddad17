"""Products of one row, a few or many with a large matrix."""

from __future__ import annotations

import numpy as np

from seqshell.layers.packing import Floats
from seqshell.layers.processor import has_small_kernels

SMALL = has_small_kernels()  # of small matrices
FEW = 10 if SMALL else 6  # rows up to which a product in parts takes less time than one with the whole matrix
MOST_WORK, MOST_OUTPUTS = (
    10**6,
    1200,
)  # multiplications, and numbers of a result by a transposed matrix, up to which OpenBLAS has it small
LEAST_PART = 16  # rows of a matrix below which small products on top of each other spend more on adding up
BLOCK = 1 << 17  # numbers of a matrix that are read once for all of a few rows, from the second-level cache: 512 KiB


def product(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [..., I]; matrix: [I, O], in either order. Returns a fresh [..., O].

    BLAS lays the whole matrix out anew for every product of two large matrices, which only many rows repay: a beam of five takes a third less
    time in small products, where BLAS has kernels for them, and else a fifth less with a vector at a time.
    """
    if inputs.ndim > 2:
        return inputs @ matrix
    if inputs.ndim == 2 and len(inputs) <= FEW:
        return inputs[0].dot(matrix)[None] if len(inputs) == 1 else _few(inputs, matrix)
    products: Floats = inputs.dot(matrix)  # which starts a microsecond sooner than @
    return products


def is_few(inputs: Floats) -> bool:
    """Whether inputs [B, I] are the rows of a small beam."""
    return 1 < len(inputs) <= FEW


def _few(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [B, I]. In parts of the matrix as they lie in memory; equal rows once, such as the states of hypotheses that have one parent."""
    places: dict[bytes, int] = {}
    which = [places.setdefault(row.tobytes(), len(places)) for row in inputs]
    if len(places) < len(which):
        return product(inputs[[which.index(place) for place in range(len(places))]], matrix)[which]
    return _by_small_products(inputs, matrix) if SMALL else _by_vectors(inputs, matrix)


def _by_small_products(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [B, I]. Products that OpenBLAS's kernels for small matrices take, side by side or one on top of the other."""
    rows, (size, width) = len(inputs), matrix.shape
    if matrix.flags.f_contiguous:
        beside = np.empty((rows, width), np.float32)
        part = max(1, min(MOST_OUTPUTS // rows, MOST_WORK // (rows * size)))
        for start in range(0, width, part):
            place = slice(start, start + part)
            beside[:, place] = inputs.dot(matrix[:, place])
        return beside
    part = MOST_WORK // (rows * width)
    if part < LEAST_PART:
        whole: Floats = inputs.dot(matrix)
        return whole
    outputs: Floats = inputs[:, :part].dot(matrix[:part])
    for start in range(part, size, part):
        outputs += inputs[:, start : start + part].dot(matrix[start : start + part])
    return outputs


def _by_vectors(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [B, I]. Each row with a block that the second-level cache holds, then all rows with the next one."""
    outputs = np.zeros((len(inputs), matrix.shape[1]), np.float32)
    if matrix.flags.f_contiguous:
        size = max(1, BLOCK // matrix.shape[0])
        for start in range(0, matrix.shape[1], size):
            place = slice(start, start + size)
            block = matrix[:, place]
            for row, output in zip(inputs, outputs, strict=True):
                row.dot(block, output[place])
    else:
        size = max(1, BLOCK // matrix.shape[1])
        for start in range(0, matrix.shape[0], size):
            place = slice(start, start + size)
            block = matrix[place]
            for row, output in zip(inputs, outputs, strict=True):
                output += row[place].dot(block)
    return outputs
