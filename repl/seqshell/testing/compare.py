"""How far two results are apart, in words. Nothing is said, "", when they are near enough."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State, leaves, named_leaves

SAME = 1e-5  # what two ways to the same numbers may differ by, relative to the largest of them where that is above 1


def apart(name: str, seen: NDArray[Any], expected: NDArray[Any], limit: float = SAME) -> str:
    if seen.shape != expected.shape:
        return f"{name} {list(seen.shape)} instead of {list(expected.shape)}"
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    difference = float(np.abs(seen.astype(np.float64) - expected).max(initial=0)) / scale
    return "" if difference <= limit else f"{name} {difference:.2g} apart, where {limit:g} is allowed"  # NaN is apart


def moment_apart(seen: tuple[NDArray[Any], State], expected: tuple[NDArray[Any], State], limit: float = SAME) -> str:
    """Outputs and states, compared."""
    names = ["outputs", *(name for name, _ in named_leaves(expected[1]))]
    found, wanted = [seen[0], *leaves(seen[1])], [expected[0], *leaves(expected[1])]
    if len(found) != len(wanted):
        return f"{len(found) - 1} leaves in the state instead of {len(wanted) - 1}"
    return next(filter(None, (apart(*group, limit) for group in zip(names, found, wanted, strict=True))), "")
