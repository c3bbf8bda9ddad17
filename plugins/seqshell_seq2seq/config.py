"""Settings of the encoder-decoders. The sizes of the vocabularies are filled in from the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqshell import setting

CELLS = {"rnn": "rnn_tanh", "lstm": "lstm", "gru": "gru"}  # what `cell` may be, and its name among the layers


@dataclass(frozen=True)
class PairConfig:
    """What both encoder-decoders share."""

    source_vocab_size: int
    target_vocab_size: int
    cell: str = setting("lstm", choices=("rnn", "lstm", "gru"), help="of the encoder and of the decoder")
    embed_size: int = setting(256, low=1, high=65_536, help="size of the token vectors of both sides")
    encoder_size: int = setting(256, low=1, high=65_536, help="size of the encoder's hidden state in each direction")
    encoder_layers: int = setting(1, low=1, high=64, help="recurrent layers of the encoder")
    bidirectional: bool = setting(True, help="the encoder reads from both ends")
    hidden_size: int = setting(512, low=1, high=65_536, help="size of the hidden state of each of the decoder's layers")
    num_layers: int = setting(1, low=1, high=64, help="recurrent layers of the decoder")
    context: str = setting(
        "last", choices=("last", "mean", "max"), help="what of the encoder's states the decoder starts from"
    )
    embed_dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the token vectors' elements set to zero in training"
    )
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="the same for the outputs of each layer and before the read-out"
    )
    locked: bool = setting(True, help="the same dropout mask at every time step")
    tied: bool = setting(False, help="the read-out shares the matrix of the target's embedding")
    shared_embedding: bool = setting(False, help="source and target share one embedding; they need one vocabulary")

    def __post_init__(self) -> None:
        if min(self.source_vocab_size, self.target_vocab_size) < 1:
            raise ValueError("source_vocab_size and target_vocab_size must be at least 1")
        if self.shared_embedding and self.source_vocab_size != self.target_vocab_size:
            raise ValueError(
                f"shared_embedding needs one vocabulary, a single [tokenizer] in the recipe; there are {self.source_vocab_size} "
                f"and {self.target_vocab_size} tokens"
            )

    @property
    def embedding_scale(self) -> float:
        """What token vectors are multiplied by where they are read, so that their elements are about 1 (Vaswani et al. 2017, section 3.4)."""
        return math.sqrt(self.embed_size)

    @property
    def encoded_size(self) -> int:
        """Size of what the encoder gives for each token of the source: M."""
        return self.encoder_size * (2 if self.bidirectional else 1)

    @property
    def readout_size(self) -> int:
        """Size of what the read-out reads."""
        return self.embed_size if self.tied else self.hidden_size


@dataclass(frozen=True)
class Seq2SeqConfig(PairConfig):
    """An encoder-decoder without attention."""

    feed_context: bool = setting(False, help="the decoder reads the encoder's vector at every step (Cho et al. 2014)")
    reversed_source: bool = setting(False, help="the encoder reads the source from its end (Sutskever et al. 2014)")


@dataclass(frozen=True)
class AttentionConfig(PairConfig):
    """An encoder-decoder with attention."""

    attention: str = setting(
        "general", choices=("dot", "general", "additive", "concat"), help="how a token of the source is scored"
    )
    attention_size: int = setting(256, low=1, high=65_536, help="additive and concat: size of the layer between")
    placement: str = setting(
        "after",
        choices=("after", "before"),
        help="after the cell (Luong et al. 2015) or before it (Bahdanau et al. 2015)",
    )
    input_feeding: bool = setting(
        False, help="the attended vector is read with the next token (Luong et al. 2015, section 3.3)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attention == "dot" and self.encoded_size != self.hidden_size:
            raise ValueError(
                f"dot attention needs hidden_size equal to what the encoder gives, but they are {self.hidden_size} and {self.encoded_size}; "
                "general attention does not"
            )
        if self.placement == "before" and self.input_feeding:
            raise ValueError(
                "input_feeding belongs to attention after the cell; placement = before feeds the context itself"
            )
