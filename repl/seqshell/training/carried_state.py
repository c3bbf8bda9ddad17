"""The state that training carries from batch to batch, and how it begins anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqshell.core.state import State, leaves, map_leaves

ALL = slice(None)
MOST_CARRIED = 256 << 20  # bytes of a state that grows; then all streams begin anew


def has_grown(state: State, initial: State) -> bool:
    """Whether a state has other shapes than the initial one of as many or fewer rows."""
    return any(leaf.shape[1:] != first.shape[1:] for leaf, first in zip(leaves(state), leaves(initial), strict=True))


def num_bytes(state: State) -> int:
    """Bytes of the leaves."""
    return sum(leaf.nbytes for leaf in leaves(state))


def begun_anew(state: State, module: Any, chosen: NDArray[np.bool_], rows: slice = ALL) -> State:
    """The state with the streams `chosen` at the initial state. Other leaves [B, ...] are not written to.

    chosen: of all streams, of which the state has those in `rows`.
    A state that has grown has the same length for all streams: they begin anew together, when the first of them is
    chosen or the state of all takes more than MOST_CARRIED.
    """
    here = chosen[rows]
    is_large = num_bytes(state) * len(chosen) > MOST_CARRIED * len(here)
    if not (chosen.any() or is_large):
        return state
    device = next(leaves(state)).device
    which = torch.from_numpy(np.flatnonzero(here)).to(device)
    first = module.initial_state(max(1, len(which)))
    if has_grown(state, first):
        return detached(module.initial_state(len(here))) if chosen[0] or is_large else state
    if not here.any():
        return state
    return map_leaves(lambda leaf, new: leaf.index_copy(0, which, new.detach().to(leaf.dtype)), state, first)


def detached(state: State) -> State:
    """The state without its gradient."""
    return map_leaves(lambda leaf: leaf.detach(), state)
