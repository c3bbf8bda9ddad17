"""The settings of the encoder-decoders."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqshell import setting

CELLS = {"rnn": "rnn_tanh", "lstm": "lstm", "gru": "gru"}  # the setting `cell` -> its name in seqshell.layers


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """Settings of seq2seq and attention_seq2seq. The sizes of the vocabularies are filled in from the data."""

    source_vocab_size: int
    target_vocab_size: int
    cell: str = setting("lstm", choices=("rnn", "lstm", "gru"), help="kind of recurrent layer, in encoder and decoder")
    embed_size: int = setting(256, low=1, high=65_536, help="size of the source and target embeddings")
    encoder_size: int = setting(256, low=1, high=65_536, help="size of the encoder's hidden state, per direction")
    encoder_layers: int = setting(1, low=1, high=64, help="number of recurrent layers in the encoder")
    bidirectional: bool = setting(True, help="read the source in both directions")
    hidden_size: int = setting(512, low=1, high=65_536, help="size of the decoder's hidden state")
    num_layers: int = setting(1, low=1, high=64, help="number of recurrent layers in the decoder")
    context: str = setting(
        "last", choices=("last", "mean", "max"), help="initial decoder state: the last, mean or maximum encoder state"
    )
    embed_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of the token embeddings, in training"
    )
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of each layer's outputs and before the read-out, in training"
    )
    locked: bool = setting(True, help="use the same dropout mask at every time step")
    tied: bool = setting(False, help="use the target embedding matrix as read-out")
    shared_embedding: bool = setting(False, help="use one embedding for source and target; needs one vocabulary")

    def __post_init__(self) -> None:
        if min(self.source_vocab_size, self.target_vocab_size) < 1:
            raise ValueError("source_vocab_size and target_vocab_size must be at least 1")
        if self.shared_embedding:
            self.require_one_vocabulary("shared_embedding")

    def require_one_vocabulary(self, name: str) -> None:
        """Raise ValueError if source and target have vocabularies of different sizes. name: the setting."""
        if self.source_vocab_size != self.target_vocab_size:
            raise ValueError(
                f"{name} needs one vocabulary, from a single [tokenizer] in the recipe, but source and target "
                f"have {self.source_vocab_size} and {self.target_vocab_size} tokens"
            )

    @property
    def embedding_scale(self) -> float:
        """The factor of the embeddings, so that their elements are about 1 (Vaswani et al. 2017, section 3.4)."""
        return math.sqrt(self.embed_size)

    @property
    def encoded_size(self) -> int:
        """M, the size of the encoder's output for each source token."""
        return self.encoder_size * (2 if self.bidirectional else 1)

    @property
    def readout_size(self) -> int:
        """R, the size of the input of the read-out."""
        return self.embed_size if self.tied else self.hidden_size


@dataclass(frozen=True)
class Seq2SeqConfig(EncoderDecoderConfig):
    """Settings of seq2seq."""

    feed_context: bool = setting(False, help="feed the source vector to the decoder at every step (Cho et al. 2014)")
    reversed_source: bool = setting(False, help="read the source in reverse order (Sutskever et al. 2014)")


@dataclass(frozen=True)
class AttentionConfig(EncoderDecoderConfig):
    """Settings of attention_seq2seq."""

    attention: str = setting(
        "general", choices=("dot", "general", "additive", "concat"), help="score function for source tokens"
    )
    attention_size: int = setting(256, low=1, high=65_536, help="additive and concat: size of the hidden layer")
    placement: str = setting(
        "after",
        choices=("after", "before"),
        help="attend after the recurrent layers (Luong et al. 2015) or before them (Bahdanau et al. 2015)",
    )
    input_feeding: bool = setting(
        False, help="feed the attentional vector to the next step (Luong et al. 2015, section 3.3)"
    )
    copy: bool = setting(
        False, help="copy tokens of the source by their attention (See et al. 2017); needs one vocabulary"
    )
    coverage_weight: float = setting(
        0.0,
        low=0,
        high=100,
        neutral=0.0,
        help="copy: attend by what was attended to before, and train with this weight of the coverage loss; 0: off",
    )

    @property
    def key_size(self) -> int:
        """K, the size of a key of the attention."""
        return self.attention_size if self.attention in ("additive", "concat") else self.hidden_size

    @property
    def extra_size(self) -> int:
        """The number of inputs of the decoder's layers besides the target embedding."""
        if self.placement == "before":
            return self.encoded_size
        return self.readout_size if self.input_feeding else 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.copy:
            self.require_one_vocabulary("copy")
        elif self.coverage_weight:
            raise ValueError("coverage_weight needs copy = true")
        if self.attention == "dot" and self.encoded_size != self.hidden_size:
            raise ValueError(
                "dot attention needs hidden_size equal to the size of the encoder's outputs, but they are "
                f"{self.hidden_size} and {self.encoded_size}; general attention has no such limit"
            )
        if self.placement == "before" and self.input_feeding:
            raise ValueError(
                "input_feeding needs placement = after; with placement = before, the context itself is fed to the cell"
            )
