"""The settings of the classifiers."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting
from seqshell.core.truncation import ENDS

LOWEST = -3e38  # a lower bound of numbers in float32
POOLINGS = ("last", "mean", "max", "attention")


@dataclass(frozen=True)
class ClassifierConfig:
    """Settings of both classifiers. vocab_size and num_classes are filled in from the data.

    max_length and cut are used by the host, which cuts a text before the model reads it.
    """

    vocab_size: int
    num_classes: int
    cell: str = setting("lstm", choices=("rnn", "lstm", "gru"), help="kind of recurrent layer")
    nonlinearity: str = setting(
        "tanh", choices=("tanh", "relu", "none"), neutral="tanh", help="rnn: nonlinearity of the hidden state"
    )
    embed_size: int = setting(128, low=1, high=65_536, help="size of the token embeddings")
    hidden_size: int = setting(128, low=1, high=65_536, help="size of each layer's hidden state, per direction")
    num_layers: int = setting(1, low=1, high=64, help="number of recurrent layers")
    forget_bias: float = setting(
        1.0, low=-20, high=20, help="lstm: initial bias of the forget gates; larger values remember longer"
    )
    input_bias: float = setting(
        0.0,
        low=-20,
        high=20,
        neutral=0.0,
        help="lstm: initial bias of the input gates; below 0, new tokens overwrite less of what is remembered",
    )
    pooling: str = setting(
        "max", help="pooling of the hidden states over time: last, mean, max, attention, or several, as in last+max"
    )
    ngrams: int = setting(
        0,
        low=0,
        high=8,
        neutral=0,
        help="add weights of all n-grams of up to N tokens to the logits; 0: none",
    )
    ngram_slots: int = setting(
        65_536, low=1, high=1 << 24, help="number of n-gram weights per label, which the n-grams share by hashing"
    )
    ngram_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the n-grams to leave out, in training"
    )
    linear_ngrams: int = setting(
        0,
        low=0,
        high=8,
        neutral=0,
        help="build on a linear model of all n-grams of up to N tokens, fitted before the first step; 0: none",
    )
    linear_size: int = setting(
        2_000_000,
        low=1,
        high=1 << 28,
        help="largest number of weights of the linear model, which leaves out the rarest n-grams",
    )
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
    max_length: int = setting(
        400, low=0, high=1_000_000, neutral=0, help="number of tokens to which longer texts are cut; 0: no limit"
    )
    cut: str = setting(
        "both", choices=ENDS, help="which part of a longer text to keep: its head, its tail, or half of each"
    )

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")
        if self.num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, not {self.num_classes}")
        for kind in self.poolings:
            if kind not in POOLINGS or self.poolings.count(kind) > 1:
                raise ValueError(
                    "pooling must be last, mean, max, attention or several of them joined by +, "
                    f"not {self.pooling!r:.60}"
                )

    @property
    def poolings(self) -> tuple[str, ...]:
        """The kinds of pooling, in the order in which their results are concatenated for the read-out."""
        return tuple(self.pooling.split("+"))

    @property
    def kind(self) -> str:
        """The name of the cell in `seqshell.layers`."""
        return f"rnn_{self.nonlinearity}" if self.cell == "rnn" else self.cell

    @property
    def floor(self) -> float:
        """A lower bound of all hidden units. After tanh, they are in (-1, 1), and dropout scales them by 1 / (1 -
        dropout).
        """
        if self.kind in ("rnn_relu", "rnn_none"):
            return LOWEST
        return -1 / (1 - self.dropout)
