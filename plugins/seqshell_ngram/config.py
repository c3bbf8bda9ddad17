"""The settings of the language models whose state is the last n - 1 tokens."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting

MOST = 64  # the largest order


@dataclass(frozen=True)
class NGramConfig:
    """Counted n-grams. vocab_size is filled in from the data."""

    vocab_size: int
    order: int = setting(5, low=1, high=MOST, help="n: the tokens of an n-gram; the last n - 1 tell the next")
    smoothing: str = setting(
        "witten_bell",
        choices=("witten_bell", "kneser_ney", "modified_kneser_ney"),
        help="how what was never seen gets its share; kneser_ney: one discount for each length, modified: three",
    )


@dataclass(frozen=True)
class MaxEntConfig:
    """Log-linear over hashed n-gram features. vocab_size is filled in from the data."""

    vocab_size: int
    order: int = setting(
        5, low=1, high=MOST, help="n: features are of the next token with none, one, ... n - 1 tokens before it"
    )
    table_size: int = setting(1 << 20, low=1, high=1 << 28, help="weights that all features share, found by a hash")


@dataclass(frozen=True)
class NeuralNGramConfig:
    """A feed-forward network. vocab_size is filled in from the data."""

    vocab_size: int
    order: int = setting(5, low=2, high=MOST, help="n: the last n - 1 tokens are read side by side")
    embed_size: int = setting(64, low=1, high=65_536, help="size of a token's vector")
    hidden_size: int = setting(256, low=1, high=65_536, help="units of the hidden layer, tanh")
    direct: bool = setting(True, help="also a linear way from the vectors to the logits, past the hidden layer")
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the hidden units set to zero in training"
    )
    embed_dropout: float = setting(0.0, low=0, high=0.99, neutral=0.0, help="the same for the vectors")
