"""Padded rows, read by what knows nothing of padding."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State, map_leaves, rows
from seqshell.core.tokenizers import PAD

Feed = Callable[[NDArray[Any], State], tuple[NDArray[Any], State]]


def read_padded(feed: Feed, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
    """inputs: [B, T] int64, padded right. Returns the outputs [B, ...] after each row's last token, and the state there.

    feed: reads rows without padding, as that of a Decoder. It is called once for each different length, with the rows that are not over
    yet. A row without any token is read as one that is PAD.
    """
    lengths = np.maximum((inputs != PAD).sum(1), 1)
    if lengths.min() == inputs.shape[1]:
        return feed(inputs, state)
    outputs: NDArray[Any] | None = None
    for start, end in pairwise(sorted({0, *lengths.tolist()})):
        which = lengths >= end
        found, after = feed(inputs[which, start:end], state if which.all() else rows(state, which))
        if outputs is None:  # all rows have a first token
            outputs, state = found, after
        else:
            outputs, state = map_leaves(
                lambda old, new, which=which: _with_rows(old, which, new), (outputs, state), (found, after)
            )
    assert outputs is not None
    return outputs, state


def _with_rows(old: NDArray[Any], which: NDArray[np.bool_], new: NDArray[Any]) -> NDArray[Any]:
    """A copy of old [B, ...] in which the rows of `which` [B] are those of new."""
    array = old.copy()
    array[which] = new
    return array
