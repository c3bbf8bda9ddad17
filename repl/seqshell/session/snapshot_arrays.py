"""The arrays of a snapshot, and the memory that they keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqshell.core.state import State, leaves


def arrays_in(state: State, outputs: Any) -> list[Any]:
    """The leaves of the state, and the outputs if there are any."""
    found: list[Any] = []
    for part in state if isinstance(state, tuple) else (state,):
        if isinstance(part, tuple):
            found.extend(leaves(part))
        else:
            found.append(part)
    if outputs is not None:
        found.append(outputs)
    return found


def owner_of_memory(array: Any) -> Any:
    """The array that owns the memory, all of which stays as long as a view exists; an opaque leaf owns its own."""
    base = getattr(array, "base", None)
    return base if isinstance(base, np.ndarray) else array


def detached(leaf: Any) -> Any:
    """A copy of an array that is a view of a larger one, which it would keep in memory; anything else as it is."""
    base = getattr(leaf, "base", None)
    return leaf.copy() if isinstance(base, np.ndarray) and base.nbytes > leaf.nbytes else leaf
