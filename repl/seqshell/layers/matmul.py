"""Matrix products of one row, a few rows or many rows with a large weight matrix."""

from __future__ import annotations

import numpy as np

from seqshell.layers.blas import has_small_matrix_kernels
from seqshell.layers.weights import Floats

HAS_SMALL_KERNELS = has_small_matrix_kernels()
FEW_ROWS = 10 if HAS_SMALL_KERNELS else 6  # up to here a product in blocks is faster than one with the whole matrix
# OpenBLAS uses its small-matrix kernels up to this number of multiplications and, if the matrix is transposed, of
# outputs.
MAX_WORK = 10**6
MAX_OUTPUTS = 1200
MIN_BLOCK_ROWS = 16  # with fewer rows per block, adding up the partial products takes longer than they save
CACHED_SIZE = 1 << 17  # numbers in a block of a matrix that fits into the second-level cache: 512 KiB


def matmul(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [..., I]; matrix: [I, O], in C or Fortran order. Returns a new array [..., O].

    For a product of two large matrices BLAS first copies the whole matrix into its own layout, which only pays off for
    many rows. With a beam of five, multiplying in blocks takes a third less time if BLAS has kernels for small
    matrices, and a fifth less with matrix-vector products otherwise.
    """
    if inputs.ndim > 2:
        return inputs @ matrix
    if inputs.ndim == 2 and len(inputs) <= FEW_ROWS:
        return inputs[0].dot(matrix)[None] if len(inputs) == 1 else _few_rows(inputs, matrix)
    outputs: Floats = inputs.dot(matrix)  # starts a microsecond sooner than @
    return outputs


def is_few_rows(inputs: Floats) -> bool:
    """True if inputs [B, I] have as many rows as a small beam: more than one, at most FEW_ROWS."""
    return 1 < len(inputs) <= FEW_ROWS


def _few_rows(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [B, I]. Multiply in blocks of the matrix, each distinct row once.

    Rows of a beam are often equal: the states of hypotheses that continue the same parent.
    """
    index_of: dict[bytes, int] = {}
    indices = [index_of.setdefault(row.tobytes(), len(index_of)) for row in inputs]
    if len(index_of) < len(indices):
        distinct = inputs[[indices.index(index) for index in range(len(index_of))]]
        return matmul(distinct, matrix)[indices]
    return _by_small_products(inputs, matrix) if HAS_SMALL_KERNELS else _by_vectors(inputs, matrix)


def _by_small_products(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [B, I]. Use products small enough for OpenBLAS's small-matrix kernels.

    A matrix in Fortran order is divided into columns, whose products are placed side by side; one in C order into
    rows, whose products are added up.
    """
    num_rows, (size, width) = len(inputs), matrix.shape
    if matrix.flags.f_contiguous:
        outputs = np.empty((num_rows, width), np.float32)
        block = max(1, min(MAX_OUTPUTS // num_rows, MAX_WORK // (num_rows * size)))
        for start in range(0, width, block):
            columns = slice(start, start + block)
            outputs[:, columns] = inputs.dot(matrix[:, columns])
        return outputs
    block = MAX_WORK // (num_rows * width)
    if block < MIN_BLOCK_ROWS:
        whole: Floats = inputs.dot(matrix)
        return whole
    total: Floats = inputs[:, :block].dot(matrix[:block])
    for start in range(block, size, block):
        total += inputs[:, start : start + block].dot(matrix[start : start + block])
    return total


def _by_vectors(inputs: Floats, matrix: Floats) -> Floats:
    """inputs: [B, I]. Multiply all rows, one by one, with a block of the matrix while the block is in the cache."""
    outputs = np.zeros((len(inputs), matrix.shape[1]), np.float32)
    if matrix.flags.f_contiguous:
        size = max(1, CACHED_SIZE // matrix.shape[0])
        for start in range(0, matrix.shape[1], size):
            columns = slice(start, start + size)
            block = matrix[:, columns]
            for row, output in zip(inputs, outputs, strict=True):
                row.dot(block, output[columns])
    else:
        size = max(1, CACHED_SIZE // matrix.shape[1])
        for start in range(0, matrix.shape[0], size):
            rows = slice(start, start + size)
            block = matrix[rows]
            for row, output in zip(inputs, outputs, strict=True):
                output += row[rows].dot(block)
    return outputs
