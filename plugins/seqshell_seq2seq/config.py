"""The settings of the encoder-decoders."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqshell import setting

CELLS = {"rnn": "rnn_tanh", "lstm": "lstm", "gru": "gru"}  # the setting `cell` -> its name in seqshell.layers
MARKS = ("eos", "none", "both")
BRIDGES = ("auto", "layer", "directions", "zeros")


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
    directions: str = setting(
        "joined", choices=("joined", "summed"), help="both directions' outputs and states: side by side, or their sum"
    )
    source_marks: str = setting(
        "eos", choices=MARKS, help="marks around the source: EOS after it, none, or both BOS before and EOS after it"
    )
    hidden_size: int = setting(512, low=1, high=65_536, help="size of the decoder's hidden state")
    num_layers: int = setting(1, low=1, high=64, help="number of recurrent layers in the decoder")
    reset: str = setting(
        "after", choices=("after", "before"), help="gru: apply the reset gate after the recurrent product or before it"
    )
    context: str = setting(
        "last",
        choices=("last", "top", "mean", "max"),
        help="initial decoder state: each encoder layer's last state, the top layer's, or its mean or maximum",
    )
    bridge: str = setting(
        "auto",
        choices=BRIDGES,
        help="initial decoder state: through a tanh layer if sizes differ, or always; one per direction; or zeros",
    )
    initial_cell: str = setting(
        "cell", choices=("cell", "hidden"), help="lstm: start the decoder's cell from the encoder's, or as hidden state"
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
    scaled_embedding: bool = setting(True, help="multiply embeddings by the square root of their size")

    def __post_init__(self) -> None:
        if min(self.source_vocab_size, self.target_vocab_size) < 1:
            raise ValueError("source_vocab_size and target_vocab_size must be at least 1")
        if self.shared_embedding:
            self.require_one_vocabulary("shared_embedding")
        if self.reset == "before" and self.cell != "gru":
            raise ValueError(f"reset = before needs cell = gru, not {self.cell}")
        states = self.encoder_layers * self.num_directions
        if self.bridge == "directions" and (self.encoder_size != self.hidden_size or states < self.num_layers):
            raise ValueError(
                "bridge = directions needs hidden_size equal to encoder_size and a state of the encoder for each layer "
                f"of the decoder, but the sizes are {self.hidden_size} and {self.encoder_size}, "
                f"and there are {states} states for {self.num_layers} layers"
            )

    def require_one_vocabulary(self, name: str) -> None:
        """Raise ValueError if source and target have vocabularies of different sizes. name: the setting."""
        if self.source_vocab_size != self.target_vocab_size:
            raise ValueError(
                f"{name} needs one vocabulary, from a single [tokenizer] in the recipe, but source and target "
                f"have {self.source_vocab_size} and {self.target_vocab_size} tokens"
            )

    @property
    def cell_name(self) -> str:
        """The cell's name in seqshell.layers."""
        return "gru_reset_before" if self.reset == "before" else CELLS[self.cell]

    @property
    def embedding_scale(self) -> float:
        """The factor of the embeddings, so that their elements are about 1 (Vaswani et al. 2017, section 3.4)."""
        return math.sqrt(self.embed_size) if self.scaled_embedding else 1.0

    @property
    def num_directions(self) -> int:
        """D, the number of directions in which the source is read."""
        return 2 if self.bidirectional else 1

    @property
    def joined_size(self) -> int:
        """D * N, the size of the outputs of an encoder's layer, with both directions side by side."""
        return self.encoder_size * self.num_directions

    @property
    def encoded_size(self) -> int:
        """M, the size of the encoder's output for each source token."""
        return self.encoder_size if self.directions == "summed" else self.joined_size

    @property
    def read_size(self) -> int:
        """The size of what the read-out reads, before it is projected to that of a tied embedding."""
        return self.hidden_size

    @property
    def readout_size(self) -> int:
        """R, the size of the input of the read-out."""
        return self.embed_size if self.tied else self.read_size

    @property
    def has_bridge_layer(self) -> bool:
        """Whether a linear layer is between the states of encoder and decoder."""
        return self.bridge == "layer" or (self.bridge == "auto" and self.encoded_size != self.hidden_size)

    @property
    def bridges_cell(self) -> bool:
        """Whether the decoder's cell starts from that of the encoder."""
        has_cell = self.cell == "lstm" and self.context in ("last", "top")
        return has_cell and self.initial_cell == "cell" and self.bridge != "zeros"


@dataclass(frozen=True)
class Seq2SeqConfig(EncoderDecoderConfig):
    """Settings of seq2seq."""

    feed_context: bool = setting(False, help="feed the source vector to the decoder at every step (Cho et al. 2014)")
    reversed_source: bool = setting(False, help="read the source in reverse order (Sutskever et al. 2014)")
    padded_to: int = setting(0, low=0, high=65_536, help="pad shorter sources to this length and read the padding")
    readout_inputs: str = setting(
        "hidden", choices=("hidden", "all"), help="the read-out reads the hidden state, or context and embedding, too"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.readout_inputs == "all" and not self.feed_context:
            raise ValueError("readout_inputs = all needs feed_context = true, whose context the read-out then reads")

    @property
    def read_size(self) -> int:
        return super().read_size + (self.encoded_size + self.embed_size if self.readout_inputs == "all" else 0)


@dataclass(frozen=True)
class AttentionConfig(EncoderDecoderConfig):
    """Settings of attention_seq2seq."""

    attention: str = setting(
        "general", choices=("dot", "general", "additive", "concat", "position"), help="score function for source tokens"
    )
    attention_size: int = setting(
        256, low=1, high=65_536, help="additive, concat: size of the hidden layer; position: number of places"
    )
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

    readout_inputs: str = setting(
        "attentional",
        choices=("attentional", "hidden", "all"),
        help="the read-out reads the attentional vector, the hidden state, or hidden state, context and embedding",
    )

    @property
    def read_size(self) -> int:
        return super().read_size + (self.encoded_size + self.embed_size if self.readout_inputs == "all" else 0)

    @property
    def extra_size(self) -> int:
        """The number of inputs of the decoder's layers besides the target embedding."""
        if self.placement == "before":
            return self.embed_size if self.attention == "position" else self.encoded_size
        return self.readout_size if self.input_feeding else 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.copy:
            self.require_one_vocabulary("copy")
        elif self.coverage_weight:
            raise ValueError("coverage_weight needs copy = true")
        if self.coverage_weight and self.source_marks == "both":
            raise ValueError("coverage_weight needs source_marks = eos or none, not both: BOS has no coverage")
        if self.attention == "dot" and self.encoded_size != self.hidden_size:
            raise ValueError(
                "dot attention needs hidden_size equal to the size of the encoder's outputs, but they are "
                f"{self.hidden_size} and {self.encoded_size}; general attention has no such limit"
            )
        if self.attention == "position":
            if self.placement != "before":
                raise ValueError("position attention needs placement = before: it depends on the token that is read")
            if self.coverage_weight:
                raise ValueError("coverage_weight needs another attention than position, which has no keys")
        if self.placement == "before" and self.input_feeding:
            raise ValueError(
                "input_feeding needs placement = after; with placement = before, the context itself is fed to the cell"
            )
        if self.readout_inputs != "attentional":
            if self.input_feeding:
                raise ValueError("input_feeding needs readout_inputs = attentional: it feeds the attentional vector")
            if self.tied and self.read_size != self.embed_size:
                raise ValueError(
                    f"tied needs a read-out of size {self.embed_size}, embed_size, but with readout_inputs = "
                    f"{self.readout_inputs} it reads {self.read_size} values; attentional has no such limit"
                )
