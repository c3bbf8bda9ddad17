"""The states of the forecasters, for the torch models and the numpy decoders. Imports neither library."""

from __future__ import annotations

from typing import Any, NamedTuple


class WindowState(NamedTuple):
    """values: [B, W, F], the last W values; until there are W values, the missing ones are filled with the first.

    started: [B] bool, False until the first value is read.
    """

    values: Any
    started: Any


class ResidualState(NamedTuple):
    """values: [B, num_values, F], the last values, filled as in WindowState. read: [B] int64, how many were read.

    recurrent: the state of the recurrent part.
    """

    values: Any
    read: Any
    recurrent: Any
