"""The settings of the models that predict from the last tokens alone."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting

MAX_ORDER = 64


@dataclass(frozen=True)
class NGramConfig:
    """Settings of ngram. vocab_size is filled in from the data."""

    vocab_size: int
    order: int = setting(5, low=1, high=MAX_ORDER, help="n: predict from the last n - 1 tokens")
    smoothing: str = setting(
        "witten_bell",
        choices=("witten_bell", "kneser_ney", "modified_kneser_ney"),
        help="how unseen n-grams get a probability; kneser_ney has one discount per length, modified_kneser_ney three",
    )


@dataclass(frozen=True)
class MaxEntConfig:
    """Settings of maxent. vocab_size is filled in from the data."""

    vocab_size: int
    order: int = setting(
        5, low=1, high=MAX_ORDER, help="n: a feature is the next token with 0 to n - 1 tokens before it"
    )
    table_size: int = setting(
        1 << 20, low=1, high=1 << 28, help="number of weights, which the features share by hashing"
    )


@dataclass(frozen=True)
class NeuralNGramConfig:
    """Settings of neural_ngram. vocab_size is filled in from the data."""

    vocab_size: int
    order: int = setting(5, low=2, high=MAX_ORDER, help="n: predict from the last n - 1 tokens")
    embed_size: int = setting(64, low=1, high=65_536, help="size of the token embeddings")
    hidden_size: int = setting(256, low=1, high=65_536, help="number of hidden units")
    direct: bool = setting(True, help="add a linear path from the embeddings to the logits")
    dropout: float = setting(0.0, low=0, high=0.99, neutral=0.0, help="dropout of the hidden units, in training")
    embed_dropout: float = setting(0.0, low=0, high=0.99, neutral=0.0, help="dropout of the token embeddings")


@dataclass(frozen=True)
class WindowLSTMConfig:
    """Settings of window_lstm. vocab_size is filled in from the data."""

    vocab_size: int
    context_length: int = setting(40, low=1, high=1024, help="predict from this number of last tokens")
    embed_size: int = setting(100, low=1, high=65_536, help="size of the token embeddings")
    hidden_size: int = setting(128, low=1, high=65_536, help="size of each layer's hidden state, in each direction")
    num_layers: int = setting(2, low=1, high=64, help="number of recurrent layers")
    bidirectional: bool = setting(False, neutral=False, help="read the window in both directions")
    start_token: int = setting(
        -1,
        low=-1,
        high=10_000_000,
        neutral=-1,
        help="id of the token that begins a text: none before it is read; -1: none",
    )

    @property
    def seen_size(self) -> int:
        """The number of values for each token of the window: its embedding, and the outputs of all layers."""
        return self.embed_size + self.num_layers * self.hidden_size * (2 if self.bidirectional else 1)
