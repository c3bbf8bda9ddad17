"""The settings of the taggers."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting

CELLS = {"rnn": "rnn_tanh", "lstm": "lstm", "gru": "gru"}  # the setting `cell` -> its name in seqshell.layers


@dataclass(frozen=True)
class TaggerConfig:
    """Settings of both taggers. vocab_size and num_classes are filled in from the data."""

    vocab_size: int
    num_classes: int
    cell: str = setting("lstm", choices=("rnn", "lstm", "gru"), help="kind of recurrent layer")
    embed_size: int = setting(64, low=1, high=65_536, help="size of the token embeddings")
    hidden_size: int = setting(96, low=1, high=65_536, help="size of each layer's hidden state, per direction")
    num_layers: int = setting(1, low=1, high=64, help="number of recurrent layers")
    word_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the tokens to replace by unknown, in training"
    )
    embed_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of the token embeddings, in training"
    )
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of each recurrent layer's outputs, in training"
    )
    locked: bool = setting(True, help="use the same dropout mask at every time step")

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")
        if self.num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, not {self.num_classes}")
