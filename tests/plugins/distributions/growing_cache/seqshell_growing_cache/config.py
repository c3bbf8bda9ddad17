"""The settings of cached_transformer, its state, and the angles of its positions."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from seqshell import setting

BASE = 10_000.0  # of the wavelengths


@dataclass(frozen=True)
class TransformerConfig:
    vocab_size: int  # filled in from the data
    hidden_size: int = setting(128, low=2, high=65_536, help="size of the token embeddings and layer outputs, H")
    num_layers: int = setting(2, low=1, high=64, help="number of layers")
    num_heads: int = setting(4, low=1, high=256, help="heads of each layer, A; H must be a multiple of 2 A")

    def __post_init__(self):
        if self.hidden_size % (2 * self.num_heads):
            raise ValueError(f"hidden_size must be a multiple of {2 * self.num_heads}, twice num_heads")

    @property
    def head_size(self):
        """D, the size of a head."""
        return self.hidden_size // self.num_heads


class Cache(NamedTuple):
    """The keys and values of all tokens so far, [B, A, T, D] each. A state is a tuple of one Cache for each layer."""

    keys: Any
    values: Any
