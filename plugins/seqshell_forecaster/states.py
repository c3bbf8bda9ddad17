"""The state of a forecaster with a window, for the torch model and the numpy decoder. Imports neither library."""

from __future__ import annotations

from typing import Any, NamedTuple


class WindowState(NamedTuple):
    """values: [B, W, F], the last W values; until there are W values, the missing ones are filled with the first.

    started: [B] bool, False until the first value is read.
    """

    values: Any
    started: Any
