"""The shapes of recurrent states, shared by the numpy layers and their torch twins. Imports neither library."""

from __future__ import annotations

from typing import Any, NamedTuple


class LSTMState(NamedTuple):
    """hidden, cell: [B, L, H] each, the hidden and cell state of each of the L layers."""

    hidden: Any
    cell: Any
