"""The encoder in torch, recurrent layers over the source, and the bridge to the decoder's initial state."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from seqshell import BOS, PAD, State
from seqshell.layers import LSTMState
from seqshell.layers.modules import initialise, run_padded, sequence_dropout
from seqshell.layers.reset_before import ResetBeforeGRU
from seqshell_seq2seq.config import EncoderDecoderConfig

LAYERS: dict[str, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU] | type[ResetBeforeGRU]] = {
    "rnn_tanh": nn.RNN,
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "gru_reset_before": ResetBeforeGRU,
}


class Encoded(NamedTuple):
    """outputs: [B, S, M] of the last layer, zero at padding; hidden: [B, L, D * N], each layer's state after its last
    token, both directions concatenated; cell: the same for an LSTM's cell state, else None."""

    outputs: Tensor
    hidden: Tensor
    cell: Tensor | None


class Encoder(nn.ModuleList):
    """Stacked recurrent layers in one direction or both.

    Padding is not read: the outputs of a row do not depend on it.
    """

    def __init__(self, config: EncoderDecoderConfig) -> None:
        inputs = [config.embed_size] + [config.joined_size] * (config.encoder_layers - 1)
        kind = LAYERS[config.cell_name]
        super().__init__(
            kind(size, config.encoder_size, batch_first=True, bidirectional=config.bidirectional) for size in inputs
        )
        self.config = config
        for layer in self:
            for suffix in ("", "_reverse") if config.bidirectional else ("",):
                initialise(layer, is_lstm=config.cell == "lstm", suffix=suffix)

    def forward(self, embedded: Tensor, lengths: Tensor) -> Encoded:
        """embedded: [B, S, E]; lengths: [B], each at least 1."""
        hiddens, cells = [], []
        outputs = embedded
        for layer in self:
            outputs, final = run_padded(self.config.cell_name, layer, outputs, lengths)
            outputs = sequence_dropout(outputs, self.config.dropout, self.training, self.config.locked)
            hidden, cell = final if isinstance(final, tuple) else (final, None)  # [D, B, H] each
            hiddens.append(_concatenated(hidden))
            if cell is not None:
                cells.append(_concatenated(cell))
        outputs = combined(outputs, self.config)
        return Encoded(outputs, torch.stack(hiddens, 1), torch.stack(cells, 1) if cells else None)


class Bridge(nn.Module):
    """From the encoder's states to the decoder's initial state.

    context "last": each decoder layer starts from the final state of the same encoder layer or, if their numbers
    differ, from that of the last one. "top": all layers start from that of the last one. "mean" and "max": all layers
    start from the mean or maximum over the last layer's outputs, and an LSTM's cell from 0.

    bridge "auto": if encoder and decoder differ in size, hidden = tanh(W m + b) and cell = W m + b. "layer": always.
    "directions": decoder layer i starts from the i-th final state of the encoder, counted by layers and, within a
    layer, forward and backward. "zeros": all start from 0. initial_cell "hidden": an LSTM's cell starts as its hidden
    state.
    """

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        self.config = config
        sizes = config.encoded_size, config.hidden_size
        self.hidden = nn.Linear(*sizes) if config.has_bridge_layer else None
        self.cell = nn.Linear(*sizes) if config.has_bridge_layer and config.bridges_cell else None

    def summary(self, encoded: Encoded, mask: Tensor) -> Tensor:
        """One vector for the source, [B, M]. mask: [B, S], True at tokens."""
        if self.config.context == "mean":
            return encoded.outputs.sum(1) / mask.sum(1, keepdim=True)  # padding is zero
        if self.config.context == "max":
            return encoded.outputs.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(1)
        return combined(encoded.hidden[:, -1], self.config)

    def forward(self, encoded: Encoded, mask: Tensor) -> State:
        """The state of the decoder's recurrent layers, in float32: LSTMState, or [B, L, H]."""
        hidden = self._layers(encoded.hidden, self.summary(encoded, mask))
        if self.hidden is not None:
            hidden = torch.tanh(self.hidden(hidden))
        hidden = hidden.float()
        if self.config.cell != "lstm":
            return hidden
        if self.config.bridges_cell:
            states = cast(Tensor, encoded.cell)
            cell = self._layers(states, combined(states[:, -1], self.config))
            return LSTMState(hidden, (cell if self.cell is None else self.cell(cell)).float())
        return LSTMState(hidden, hidden if self.config.initial_cell == "hidden" else torch.zeros_like(hidden))

    def _layers(self, states: Tensor, top: Tensor) -> Tensor:
        """states: [B, L, D * N]; top: [B, M], of all layers but with context = last. Returns one per decoder layer."""
        config, layers = self.config, self.config.num_layers
        if config.bridge == "zeros":
            return states.new_zeros(len(states), layers, config.hidden_size)
        if config.bridge == "directions":
            return states.reshape(len(states), -1, config.encoder_size)[:, :layers]
        if config.context == "last" and states.shape[1] == layers:
            return combined(states, config)
        return top.unsqueeze(1).expand(-1, layers, -1)


def combined(values: Tensor, config: EncoderDecoderConfig) -> Tensor:
    """Both directions [..., D * N] as the setting `directions` says: [..., M]."""
    if config.directions == "joined":
        return values
    return values.reshape(*values.shape[:-1], config.num_directions, config.encoder_size).sum(-2)


def marked(source: Tensor, lengths: Tensor, marks: str) -> tuple[Tensor, Tensor]:
    """Source rows and lengths, EOS included, with other marks. Without them, an empty source still has its EOS."""
    if marks == "none":
        return source, (lengths - 1).clamp(min=1)
    if marks == "both":
        return torch.cat((source.new_full((len(source), 1), BOS), source), 1), lengths + 1
    return source, lengths


def padded(source: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rows with at least `size` tokens: PAD is a token in those that are shorter."""
    source = nn.functional.pad(source, (0, max(0, size - source.shape[1])), value=PAD)
    return source.masked_fill(~source_mask(source, lengths), PAD), lengths.clamp(min=size)


def source_mask(source: Tensor, lengths: Tensor) -> Tensor:
    """source: [B, S]; lengths: [B]. Returns [B, S], True at tokens and False at padding."""
    return torch.arange(source.shape[1], device=source.device) < lengths.to(source.device).unsqueeze(1)


def reversed_rows(source: Tensor, lengths: Tensor) -> Tensor:
    """Each row of source [B, S] reversed up to its length, with its padding left in place."""
    times = torch.arange(source.shape[1], device=source.device).expand_as(source)
    mirrored = lengths.to(source.device).unsqueeze(1) - 1 - times
    return source.gather(1, torch.where(mirrored >= 0, mirrored, times))


def make_embedding(vocab_size: int, size: int) -> nn.Embedding:
    """An embedding with vectors of length about 1, so that a tied read-out does not start with large logits."""
    embedding = nn.Embedding(vocab_size, size)
    nn.init.normal_(embedding.weight, std=size**-0.5)
    return embedding


def _concatenated(parts: Any) -> Tensor:
    """The states of D directions, from [D, B, H] to [B, D * H]."""
    return torch.cat(tuple(parts), -1)
