"""Settings of the classifiers. vocab_size and num_classes are filled in from the data."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting
from seqshell.core.truncation import ENDS

CELLS = {"rnn": "rnn_tanh", "lstm": "lstm", "gru": "gru"}  # what `cell` may be, and its name among the layers
POOLINGS = ("last", "mean", "max", "attention")


@dataclass(frozen=True)
class ClassifierConfig:
    """What both classifiers share. max_length and cut are for the host, which cuts a text before the model reads it."""

    vocab_size: int
    num_classes: int
    cell: str = setting("lstm", choices=("rnn", "lstm", "gru"), help="of every layer")
    embed_size: int = setting(128, low=1, high=65_536, help="size of a token's vector")
    hidden_size: int = setting(128, low=1, high=65_536, help="size of each layer's hidden state, in each direction")
    num_layers: int = setting(1, low=1, high=64, help="recurrent layers on top of each other")
    forget_bias: float = setting(
        1.0, low=-20, high=20, help="lstm: what the forget gates' biases start at; the larger, the longer it remembers"
    )
    pooling: str = setting(
        "max", help="what the read-out reads of the hidden states: last, mean, max or attention; last+max reads both"
    )
    ngrams: int = setting(
        0,
        low=0,
        high=8,
        neutral=0,
        help="n-grams of 1 to so many tokens have a say of their own in the labels; 0: none",
    )
    ngram_slots: int = setting(
        65_536, low=1, high=1 << 24, help="places for their weights, which they find by a hash and may share"
    )
    ngram_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the n-grams that are left out in training"
    )
    word_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the tokens that are read as unknown in training"
    )
    embed_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the token vectors' elements set to zero in training"
    )
    dropout: float = setting(0.0, low=0, high=0.99, neutral=0.0, help="the same for the outputs of each layer")
    locked: bool = setting(True, help="the same dropout mask at every time step")
    max_length: int = setting(
        400, low=0, high=1_000_000, neutral=0, help="longer texts are cut to so many tokens; 0: never"
    )
    cut: str = setting("both", choices=ENDS, help="what is kept of a longer text: its head, its tail, or half of both")

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")
        if self.num_classes < 2:
            raise ValueError(f"a classifier chooses among 2 classes at least, not {self.num_classes}")
        for kind in self.poolings:
            if kind not in POOLINGS or self.poolings.count(kind) > 1:
                raise ValueError(
                    f"pooling must be last, mean, max or attention, or some of them joined by +, not {self.pooling!r:.60}"
                )

    @property
    def poolings(self) -> tuple[str, ...]:
        """The kinds of pooling whose results the read-out reads, in their order."""
        return tuple(self.pooling.split("+"))

    @property
    def floor(self) -> float:
        """What no element of a hidden state is below: they are in (-1, 1), and dropout makes up for the ones that it leaves out."""
        return -1 / (1 - self.dropout)
