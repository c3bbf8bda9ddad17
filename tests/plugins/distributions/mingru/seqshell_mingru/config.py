"""The settings of mingru."""

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class MinGRUConfig:
    vocab_size: int  # filled in from the data
    hidden_size: int = setting(
        256, low=1, high=65_536, help="size of the token embeddings and of each layer's hidden state"
    )
    num_layers: int = setting(2, low=1, high=64, help="number of layers")
    dropout: float = setting(0.0, low=0, high=0.99, neutral=0.0, help="dropout of each layer's outputs, in training")
