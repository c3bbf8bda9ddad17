"""What a user may set. The sizes of vocabulary and classes come from the data."""

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class Config:
    vocab_size: int
    num_classes: int
    embed_size: int = setting(64, low=1, help="size of a token's vector")
    hidden_size: int = setting(64, low=1, help="size of each direction's hidden state")
    num_layers: int = setting(1, low=1, high=16, help="layers on top of each other, each in both directions")
    attention_size: int = setting(64, low=1, help="size of the layer that scores the places")
    num_looks: int = setting(
        2, low=1, high=64, help="how many times it looks at the text, each time at places of its own"
    )
    dropout: float = setting(0.0, low=0, high=0.99, neutral=0.0, help="share of the elements set to zero in training")
