"""Rows of source tokens in numpy: their marks, mask, padding and order, see `encoders`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import BOS, PAD

Rows = tuple[NDArray[Any], NDArray[Any]]


def marked(source: NDArray[Any], lengths: NDArray[Any], marks: str) -> Rows:
    """Source rows and lengths, EOS included, with other marks. Without them, an empty source still has its EOS."""
    if marks == "none":
        return source, np.maximum(lengths - 1, 1)
    if marks == "both":
        return np.pad(source, ((0, 0), (1, 0)), constant_values=BOS), lengths + 1
    return source, lengths


def padded(source: NDArray[Any], lengths: NDArray[Any], size: int) -> Rows:
    """Rows with at least `size` tokens: PAD is a token in those that are shorter."""
    source = np.pad(source, ((0, 0), (0, max(0, size - source.shape[1]))), constant_values=PAD)
    return np.where(source_mask(source, lengths), source, PAD), np.maximum(lengths, size)


def source_mask(source: NDArray[Any], lengths: NDArray[Any]) -> NDArray[np.bool_]:
    """source: [B, S]; lengths: [B]. Returns [B, S], True at tokens and False at padding."""
    mask: NDArray[np.bool_] = np.arange(source.shape[1]) < lengths[:, None]
    return mask


def reversed_rows(source: NDArray[Any], lengths: NDArray[Any]) -> NDArray[Any]:
    """Each row of source [B, S] reversed up to its length, with its padding left in place."""
    times = np.arange(source.shape[1])
    mirrored = lengths[:, None] - 1 - times
    return np.take_along_axis(source, np.where(mirrored >= 0, mirrored, times), 1)
