"""The features of states: vectors that say how alike two positions are, for strategies that compare them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import UsageError
from seqshell.core.model import own_method
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.core.state import State, as_array, leaves


def features(decoder: Any, state: State) -> NDArray[Any]:
    """The features [B, D] of a state with B rows: the decoder's own, or else all floats of the state.

    Raises UsageError for a state without floats, and PluginError if the decoder's are not of this shape.
    """
    method = own_method(decoder, "features", "state")
    if method is None:
        return of_leaves(state)
    found = method(state)
    expected = len(as_array(next(leaves(state))))
    if not isinstance(found, np.ndarray) or found.ndim != 2 or len(found) != expected or found.dtype.kind != "f":
        owner = owner_of(type(decoder))
        shape = list(getattr(found, "shape", ())) or type(found).__name__
        guard = Guard(f"the decoder {type(decoder).__name__}{owner.suffix}", owner)
        raise guard.error(f"returned features {shape} instead of floats [{expected}, D]", by=method)
    return found


def of_leaves(state: State) -> NDArray[Any]:
    """All floats of a state as vectors [B, D]."""
    arrays = [as_array(leaf) for leaf in leaves(state)]
    parts = [array.reshape(len(array), -1) for array in arrays if array.dtype.kind == "f"]
    if not parts:
        raise UsageError("the state of this model has no features: none of its leaves has floats")
    return np.concatenate(parts, 1)


def with_features(decoder: Decoder) -> Any:
    """The decoder, with a method `features` if it has none."""
    return decoder if own_method(decoder, "features", "state") is not None else _WithFeatures(decoder)


class _WithFeatures:
    """A decoder and the features of its states."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.step = decoder.step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def features(self, state: State) -> NDArray[Any]:
        return of_leaves(state)
