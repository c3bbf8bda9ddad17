"""The settings of a selective state space model, and the shape of its state."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqshell import setting


@dataclass(frozen=True)
class SelectiveConfig:
    vocab_size: int  # filled in from the data
    hidden_size: int = setting(128, low=1, high=65_536, help="size of a token's vector and of what a layer hands on, H")
    num_layers: int = setting(2, low=1, high=64, help="layers on top of each other")
    expansion: int = setting(2, low=1, high=16, help="channels of a layer for each unit, D = expansion * H")
    state_size: int = setting(16, low=1, high=1024, help="numbers that each channel keeps, N")
    kernel_size: int = setting(4, low=2, high=64, help="tokens that the convolution before the state space sees, K")

    @property
    def channels(self):
        """D."""
        return self.expansion * self.hidden_size

    @property
    def rank(self):
        """R, of the product that gives each channel its step size."""
        return math.ceil(self.hidden_size / 16)


class LayerState(NamedTuple):
    """inputs: [B, D, K - 1], the last inputs of the convolution, oldest first; space: [B, D, N]. A model's state is a tuple of one for each layer."""

    inputs: Any
    space: Any
