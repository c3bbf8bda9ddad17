"""Describes the difference of two results; an empty text means that they are equal within a limit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State, as_array, leaves, named_leaves

SAME = (
    1e-5  # allowed difference of two computations of the same result, relative to its largest value if that is above 1
)


def difference(name: str, seen: NDArray[Any], expected: NDArray[Any], limit: float = SAME) -> str:
    """Describe the difference of two arrays: of their shapes, else the largest one of their values."""
    if seen.shape != expected.shape:
        return f"{name} {list(seen.shape)} instead of {list(expected.shape)}"
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    largest = float(np.abs(seen.astype(np.float64) - expected).max(initial=0)) / scale
    return "" if largest <= limit else f"{name}: difference {largest:.2g}, allowed {limit:g}"  # also for NaN


def result_difference(
    seen: tuple[NDArray[Any], State], expected: tuple[NDArray[Any], State], limit: float = SAME
) -> str:
    """Describe the difference of two pairs of outputs and state."""
    names = ["outputs", *(name for name, _ in named_leaves(expected[1]))]
    found, right = ([as_array(leaf) for leaf in (each[0], *leaves(each[1]))] for each in (seen, expected))
    if len(found) != len(right):
        return f"{len(found) - 1} leaves in the state instead of {len(right) - 1}"
    return next(filter(None, (difference(*group, limit) for group in zip(names, found, right, strict=True))), "")
