"""The recurrent state that the numpy layers and their torch twins share. Imports neither library."""

from __future__ import annotations

from typing import Any, NamedTuple


class LSTMState(NamedTuple):
    """State of L LSTM layers. hidden, cell: [B, L, H] each."""

    hidden: Any
    cell: Any
