"""The settings of selective, and its state."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqshell import setting


@dataclass(frozen=True)
class SelectiveConfig:
    vocab_size: int  # filled in from the data
    hidden_size: int = setting(128, low=1, high=65_536, help="size of the token embeddings and layer outputs, H")
    num_layers: int = setting(2, low=1, high=64, help="number of layers")
    expansion: int = setting(2, low=1, high=16, help="channels per unit, D = expansion * H")
    state_size: int = setting(16, low=1, high=1024, help="size of each channel's state, N")
    kernel_size: int = setting(4, low=2, high=64, help="size of the convolution over the last tokens, K")

    @property
    def channels(self):
        """D, the number of channels."""
        return self.expansion * self.hidden_size

    @property
    def rank(self):
        """R, the rank of the projection to the channels' step sizes."""
        return math.ceil(self.hidden_size / 16)


class LayerState(NamedTuple):
    """State of a layer. inputs: [B, D, K - 1], the last inputs of the convolution, oldest first; space: [B, D, N].

    The state of a model is a tuple of one LayerState per layer.
    """

    inputs: Any
    space: Any
