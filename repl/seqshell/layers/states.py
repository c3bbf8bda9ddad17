"""The recurrent state that the numpy layers and their torch twins share. Imports neither library."""

from __future__ import annotations

from typing import Any, NamedTuple


class LSTMState(NamedTuple):
    """State of L LSTM layers. hidden, cell: [B, L, H] each."""

    hidden: Any
    cell: Any


def top_hidden(state: Any) -> Any:
    """The hidden state [B, H] of the last layer, of an LSTMState or of hidden states [B, L, H]."""
    return (state.hidden if isinstance(state, LSTMState) else state)[:, -1]
