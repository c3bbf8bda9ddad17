"""The settings of the recurrent language models."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class RecurrentConfig:
    """Settings of rnn, lstm and gru. vocab_size is filled in from the data."""

    vocab_size: int
    embed_size: int = setting(128, low=0, high=65_536, help="size of the token embeddings; 0: one-hot tokens instead")
    hidden_size: int = setting(512, low=1, high=65_536, help="size of each layer's hidden state")
    num_layers: int = setting(2, low=1, high=64, help="number of recurrent layers")
    output_size: int = setting(
        0, low=0, high=65_536, neutral=0, help="size of the last layer's hidden state; 0: hidden_size"
    )
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of each recurrent layer's outputs, in training"
    )
    embed_dropout: float = setting(0.0, low=0, high=0.99, neutral=0.0, help="dropout of the token embeddings")
    token_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the vocabulary read as zeros, drawn for each training batch"
    )
    weight_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of the recurrent weights, drawn for each training batch"
    )
    locked: bool = setting(True, help="use the same dropout mask at every time step")
    residual: bool = setting(
        False, neutral=False, help="add each layer's input to its output, except for the first layer"
    )
    layer_norm: bool = setting(False, neutral=False, help="normalise each layer's output over its units")
    tied: bool = setting(
        False, help="use the embedding matrix as read-out; needs embed_size = hidden_size, or output_size if it is set"
    )

    @property
    def top_size(self) -> int:
        """The size of the last layer's hidden state."""
        return self.output_size or self.hidden_size

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")
        if self.tied and self.embed_size != self.top_size:
            name = "output_size" if self.output_size else "hidden_size"
            raise ValueError(
                f"tied needs embed_size equal to {name}, but they are {self.embed_size} and {self.top_size}"
            )
        if self.output_size and (self.num_layers == 1 or self.output_size > self.hidden_size):
            raise ValueError(
                f"output_size is for several layers, and at most hidden_size {self.hidden_size}, not {self.output_size}"
            )
        if self.output_size and (self.residual or self.layer_norm):
            raise ValueError("output_size cannot be combined with residual or layer_norm, whose layers have one size")


@dataclass(frozen=True)
class RNNConfig(RecurrentConfig):
    """Settings of rnn, the simple recurrent network."""

    nonlinearity: str = setting("tanh", choices=("tanh", "relu", "sigmoid"), help="nonlinearity of the hidden state")


@dataclass(frozen=True)
class LSTMConfig(RecurrentConfig):
    """Settings of lstm, long short-term memory."""

    forget_bias: float = setting(
        1.0,
        low=-20,
        high=20,
        help="initial bias of the forget gates; with 7, a new model remembers for about a thousand tokens",
    )


@dataclass(frozen=True)
class GRUConfig(RecurrentConfig):
    """Settings of gru, the gated recurrent unit."""


@dataclass(frozen=True)
class CellConfig:
    """Settings of elman, lstm_cell and gru_cell. vocab_size is filled in from the data."""

    vocab_size: int
    embed_size: int = setting(128, low=0, high=65_536, help="size of the token embeddings; 0: one-hot tokens instead")
    hidden_size: int = setting(128, low=1, high=65_536, help="size of each layer's hidden state")

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")


@dataclass(frozen=True)
class ElmanConfig(CellConfig):
    """Settings of elman, the one-layer recurrent network of the tutorials."""

    form: str = setting(
        "h2o",
        choices=("h2o", "i2o"),
        help="h2o: logits from the new hidden state; i2o: from the token and the previous hidden state",
    )
    nonlinearity: str = setting(
        "tanh",
        choices=("tanh", "relu", "sigmoid", "none"),
        help="nonlinearity of the hidden state; tutorials with i2o use none",
    )


@dataclass(frozen=True)
class StackedCellConfig(CellConfig):
    """Settings of lstm_cell and gru_cell."""

    num_layers: int = setting(1, low=1, high=64, help="number of recurrent layers")


@dataclass(frozen=True)
class LSTMCellConfig(StackedCellConfig):
    """Settings of lstm_cell."""


@dataclass(frozen=True)
class GRUCellConfig(StackedCellConfig):
    """Settings of gru_cell."""

    reset: str = setting(
        "after", choices=("after", "before"), help="apply the reset gate after the recurrent product, or before it"
    )
