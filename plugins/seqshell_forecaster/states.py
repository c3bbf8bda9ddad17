"""The state of a forecaster with a window, shared by the torch module and the numpy decoder. Imports neither library."""

from __future__ import annotations

from typing import Any, NamedTuple


class WindowState(NamedTuple):
    """values [B, W, F]: the last W values, as if the first one had always been there before; started [B]: False as long as there is none."""

    values: Any
    started: Any
