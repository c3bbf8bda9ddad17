"""Read padded rows with a decoder that knows nothing of padding."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State, as_array, as_leaf, map_leaves, rows
from seqshell.core.tokenizers import PAD

Feed = Callable[[NDArray[Any], State], tuple[NDArray[Any], State]]


def read_padded(feed: Feed, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
    """Read each row up to its last token. Returns the outputs [B, ...] and the state after it.

    feed: reads rows without padding, as Decoder.feed does. inputs: [B, T] int64, padded on the right; a row without
    any token is read as a single PAD. The rows are read together up to the shortest length, then those that are longer
    up to the next length, and so on: one call of `feed` for each distinct length.
    """
    lengths = np.maximum((inputs != PAD).sum(1), 1)
    if lengths.min() == inputs.shape[1]:
        return feed(inputs, state)
    outputs: NDArray[Any] | None = None
    for start, end in pairwise(sorted({0, *lengths.tolist()})):
        remaining = lengths >= end  # [B]
        new_outputs, new_state = feed(
            inputs[remaining, start:end], state if remaining.all() else rows(state, remaining)
        )
        if outputs is None:  # the first call reads all rows
            outputs, state = new_outputs, new_state
        else:
            outputs, state = map_leaves(
                lambda old, new, remaining=remaining: _with_rows(old, remaining, new),
                (outputs, state),
                (new_outputs, new_state),
            )
    assert outputs is not None
    return outputs, state


def _with_rows(old: Any, is_new: NDArray[np.bool_], new: Any) -> Any:
    """A copy of old [B, ...] whose rows at is_new [B] are replaced by those of new."""
    array = np.array(as_array(old))
    array[is_new] = as_array(new)
    return as_leaf(array, old)
