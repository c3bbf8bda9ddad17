"""Products of one row, a few or many with a large matrix."""

from __future__ import annotations

import numpy as np

from seqshell.layers.packing import Floats

FEW = 6  # rows up to which products with vectors take less time than one with a matrix
BLOCK = 1 << 17  # numbers of a matrix that are read once for all of a few rows, from the second-level cache: 512 KiB


def product(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [..., I]; matrix: [I, O], in either order. Returns a fresh [..., O].

    BLAS lays the whole matrix out anew for every product of two matrices, which only many rows repay: a beam of five takes a fifth less time
    with a vector at a time, and a beam of two half.
    """
    if inputs.ndim > 2:
        return inputs @ matrix
    if inputs.ndim == 2 and len(inputs) == 1:
        alone: Floats = inputs[0].dot(matrix)
        return alone[None]
    if inputs.ndim == 2 and len(inputs) <= FEW:
        return _few(inputs, matrix)
    products: Floats = inputs.dot(matrix)  # which starts a microsecond sooner than @
    return products


def _few(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [B, I]. Block by block of the matrix as it lies in memory."""
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
