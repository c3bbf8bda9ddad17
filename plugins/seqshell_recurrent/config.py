"""The settings of the recurrent language models."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class RecurrentConfig:
    """What all of them share. vocab_size is filled in from the data."""

    vocab_size: int
    embed_size: int = setting(128, low=0, high=65_536, help="size of a token's vector; 0: one-hot, no embedding")
    hidden_size: int = setting(512, low=1, high=65_536, help="size of each layer's hidden state")
    num_layers: int = setting(2, low=1, high=64, help="recurrent layers on top of each other")
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the outputs of each recurrent layer set to zero in training"
    )
    embed_dropout: float = setting(0.0, low=0, high=0.99, neutral=0.0, help="the same for the embedding")
    token_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the vocabulary that is read as zeros in a piece of text"
    )
    weight_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="the same for the recurrent weights, one mask for each piece of text"
    )
    locked: bool = setting(True, help="the same dropout mask at every time step")
    residual: bool = setting(
        False, neutral=False, help="every layer but the first adds what it has read to what it hands on"
    )
    layer_norm: bool = setting(False, neutral=False, help="what a layer hands on is normalised over its units")
    tied: bool = setting(False, help="the read-out shares the embedding's matrix; needs embed_size = hidden_size")

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")
        if self.tied and self.embed_size != self.hidden_size:
            raise ValueError(
                f"tied needs embed_size equal to hidden_size, but they are {self.embed_size} and {self.hidden_size}"
            )


@dataclass(frozen=True)
class RNNConfig(RecurrentConfig):
    """A simple recurrent network with its nonlinearity."""

    nonlinearity: str = setting("tanh", choices=("tanh", "relu", "sigmoid"), help="what squashes the hidden state")


@dataclass(frozen=True)
class LSTMConfig(RecurrentConfig):
    """A long short-term memory."""

    forget_bias: float = setting(
        1.0,
        low=-20,
        high=20,
        help="what the forget gates' biases start at; 7 keeps what was read for a thousand tokens",
    )


@dataclass(frozen=True)
class GRUConfig(RecurrentConfig):
    """A gated recurrent unit."""


@dataclass(frozen=True)
class WrittenConfig:
    """What the cells written out from their equations share. vocab_size is filled in from the data."""

    vocab_size: int
    embed_size: int = setting(128, low=0, high=65_536, help="size of a token's vector; 0: one-hot, no embedding")
    hidden_size: int = setting(128, low=1, high=65_536, help="size of each layer's hidden state")

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")


@dataclass(frozen=True)
class ElmanConfig(WrittenConfig):
    """The tutorials' recurrent network, of one layer."""

    form: str = setting(
        "h2o",
        choices=("h2o", "i2o"),
        help="h2o: read out from the new hidden state; i2o: from the token and the old one",
    )
    nonlinearity: str = setting(
        "tanh",
        choices=("tanh", "relu", "sigmoid", "none"),
        help="what squashes the hidden state; the i2o of old has none",
    )


@dataclass(frozen=True)
class CellConfig(WrittenConfig):
    """Cells on top of each other."""

    num_layers: int = setting(1, low=1, high=64, help="recurrent layers on top of each other")


@dataclass(frozen=True)
class LSTMCellConfig(CellConfig):
    """LSTM cells."""


@dataclass(frozen=True)
class GRUCellConfig(CellConfig):
    """GRU cells."""

    reset: str = setting(
        "after", choices=("after", "before"), help="the reset gate acts after the recurrent product, or before it"
    )
