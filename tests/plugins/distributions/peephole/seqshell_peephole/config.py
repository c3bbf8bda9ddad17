"""The settings of a language model with peepholes."""

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class PeepholeConfig:
    vocab_size: int  # filled in from the data
    embed_size: int = setting(64, low=1, high=65_536, help="size of a token's vector")
    hidden_size: int = setting(256, low=1, high=65_536, help="size of each layer's hidden state")
    num_layers: int = setting(1, low=1, high=64, help="layers on top of each other")
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of each layer's outputs set to zero in training"
    )
