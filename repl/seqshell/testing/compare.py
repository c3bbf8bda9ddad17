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
    """Describe the difference of two arrays: of their shapes, else the largest one of their values.

    Equal infinities do not differ; NaN differs from everything. Complex numbers differ by an absolute value.
    """
    if seen.shape != expected.shape:
        return f"{name} {list(seen.shape)} instead of {list(expected.shape)}"
    if (number := int(np.isnan(seen).sum())) > 0:
        return f"{name}: {number:,} of {seen.size:,} numbers are NaN"
    largest = relative_difference(seen, expected)
    return "" if largest <= limit else f"{name}: difference {largest:.2g}, allowed {limit:.2g}"  # also for NaN


def relative_difference(seen: NDArray[Any], expected: NDArray[Any]) -> float:
    """The largest absolute difference, relative to the largest finite expected value if that is above 1."""
    kind = np.complex128 if seen.dtype.kind == "c" or expected.dtype.kind == "c" else np.float64
    with np.errstate(invalid="ignore"):
        distances = np.where(seen == expected, 0.0, np.abs(seen.astype(kind) - expected))
    sizes = np.abs(expected.astype(kind))
    return float(distances.max(initial=0)) / max(1.0, float(sizes[np.isfinite(sizes)].max(initial=0)))


def result_difference(
    seen: tuple[NDArray[Any], State], expected: tuple[NDArray[Any], State], limit: float = SAME
) -> str:
    """Describe the difference of two pairs of outputs and state."""
    names = ["outputs", *(name for name, _ in named_leaves(expected[1]))]
    found, right = ([as_array(leaf) for leaf in (each[0], *leaves(each[1]))] for each in (seen, expected))
    if len(found) != len(right):
        return f"{len(found) - 1} leaves in the state instead of {len(right) - 1}"
    return next(filter(None, (difference(*group, limit) for group in zip(names, found, right, strict=True))), "")
