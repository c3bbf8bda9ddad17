"""The settings of the n-gram, maximum entropy and neural n-gram models."""

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
