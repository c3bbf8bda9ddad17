"""The settings of self_attentive. vocab_size and num_classes are filled in from the data."""

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class Config:
    vocab_size: int
    num_classes: int
    embed_size: int = setting(64, low=1, help="size of the token embeddings")
    hidden_size: int = setting(64, low=1, help="size of each direction's hidden state")
    num_layers: int = setting(1, low=1, high=16, help="number of bidirectional layers")
    attention_size: int = setting(64, low=1, help="size of the attention layer")
    num_looks: int = setting(2, low=1, high=64, help="number of attention weightings of the text")
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of embeddings and layer outputs, in training"
    )
