"""Weights in bf16 and int8: how they are rounded, and the blocks in which the kernels read them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.kernels import layout
from seqshell.kernels.packing import Floats, aligned, blocks

PRECISIONS: Mapping[str, int] = MappingProxyType({"float32": layout.FLOAT32, "bf16": layout.BF16, "int8": layout.INT8})
MOST = 127  # of an int8; -128 is not used


def upper_halves(matrix: Floats) -> NDArray[np.uint16]:
    """The upper 16 bits of float32, rounded to the nearest, ties to even."""
    _require_finite(matrix)
    bits = np.ascontiguousarray(matrix, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def to_int8(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Integers from -127 to 127 [I, G] and the scale of each column [G], whose products are closest to the matrix."""
    _require_finite(matrix)
    largest: Floats = np.abs(matrix).max(axis=0, initial=0)
    scales = np.maximum(largest / np.float32(MOST), np.finfo(np.float32).tiny)
    return np.rint(matrix / scales).astype(np.int8), scales


def _require_finite(matrix: Floats) -> None:
    """Raise ValueError for infinite numbers and NaN: one would spoil the others of its column."""
    if not np.isfinite(matrix).all():
        raise ValueError("weights that are not finite have no other precision than float32")


def rounded(matrix: Floats, precision: str) -> Floats:
    """The numbers of a matrix [I, G] as the kernels have them."""
    if precision == "bf16":
        return (upper_halves(matrix).astype(np.uint32) << 16).view(np.float32)
    if precision == "int8":
        numbers, scales = to_int8(matrix)
        return numbers * scales
    return matrix


def blocks_in(precision: str, *weights: Floats, gates: int = 1) -> NDArray[Any]:
    """As packing.blocks, in float32, or else as `narrow` reads them: [H / 16, words, gates, 16], or [H / 64, words, 64]
    of 32 bits.
    """
    if precision == "float32":
        return blocks(*weights, gates=gates)
    parts: list[NDArray[Any]] = []
    for weight in filter(len, weights):
        if precision == "bf16":
            parts.append(_words(blocks(upper_halves(weight), gates=gates, kind=np.uint16)))
            continue
        numbers, scales = to_int8(weight)
        offsets = -128 * numbers.sum(axis=0, keepdims=True, dtype=np.int32)
        parts.append(_words(blocks(numbers, gates=gates, kind=np.int8)))
        parts.append(blocks(scales[None], gates=gates).view(np.int32))
        parts.append(blocks(offsets, gates=gates, kind=np.int32))
    made = aligned((len(parts[0]), sum(part.shape[1] for part in parts), *parts[0].shape[2:]), np.int32)
    return np.concatenate(parts, axis=1, out=made)


def _words(made: NDArray[Any]) -> NDArray[np.int32]:
    """Blocks of numbers of 1 or 2 bytes [blocks, rows, gates, width]: 4 or 2 rows in a word of 32 bits."""
    number, rows, *rest = made.shape
    per_word = 4 // made.itemsize
    filled = np.zeros((number, -(-rows // per_word) * per_word, *rest), made.dtype)
    filled[:, :rows] = made
    grouped = filled.reshape(number, -1, per_word, *rest)
    return np.ascontiguousarray(np.moveaxis(grouped, 2, -1)).view(np.int32)[..., 0]
