"""The settings of a minGRU language model."""

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class MinGRUConfig:
    vocab_size: int  # filled in from the data
    hidden_size: int = setting(
        256, low=1, high=65_536, help="size of a token's vector and of each layer's hidden state"
    )
    num_layers: int = setting(2, low=1, high=64, help="layers on top of each other")
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of what each layer adds set to zero in training"
    )
