"""The settings of slstm, and its state."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from seqshell import setting


@dataclass(frozen=True)
class SLSTMConfig:
    vocab_size: int  # filled in from the data
    hidden_size: int = setting(128, low=1, high=65_536, help="size of the token embeddings and of the hidden state, H")
    num_layers: int = setting(1, low=1, high=64, help="number of layers")
    forget_gate: str = setting("sigmoid", choices=("sigmoid", "exponential"), help="the function of the forget gate")


class LayerState(NamedTuple):
    """State of a layer, [B, H] each: hidden; cell and normaliser, both divided by e^most; most, -inf at first.

    The state of a model is a tuple of one LayerState per layer.
    """

    hidden: Any
    cell: Any
    normaliser: Any
    most: Any
