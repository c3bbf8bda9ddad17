"""The encoder in torch, recurrent layers over the source, and the bridge to the decoder's initial state."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from seqshell import State
from seqshell.layers import LSTMState
from seqshell.layers.modules import initialise, run_padded, sequence_dropout
from seqshell_seq2seq.config import CELLS, EncoderDecoderConfig

LAYERS: dict[str, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Encoded(NamedTuple):
    """outputs: [B, S, M] of the last layer, zero at padding; hidden: [B, L, M], each layer's state after its last
    token, both directions concatenated; cell: the same for an LSTM's cell state, else None."""

    outputs: Tensor
    hidden: Tensor
    cell: Tensor | None


class Encoder(nn.ModuleList):
    """Stacked recurrent layers in one direction or both.

    Padding is not read: the outputs of a row do not depend on it.
    """

    def __init__(self, config: EncoderDecoderConfig) -> None:
        inputs = [config.embed_size] + [config.encoded_size] * (config.encoder_layers - 1)
        kind = LAYERS[config.cell]
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
            outputs, final = run_padded(CELLS[self.config.cell], layer, outputs, lengths)
            outputs = sequence_dropout(outputs, self.config.dropout, self.training, self.config.locked)
            hidden, cell = final if isinstance(final, tuple) else (final, None)  # [D, B, H] each
            hiddens.append(_concatenated(hidden))
            if cell is not None:
                cells.append(_concatenated(cell))
        return Encoded(outputs, torch.stack(hiddens, 1), torch.stack(cells, 1) if cells else None)


class Bridge(nn.Module):
    """From the encoder's states to the decoder's initial state.

    context "last": each decoder layer starts from the final state of the same encoder layer or, if their numbers
    differ, from that of the last one. "mean" and "max": all layers start from the mean or maximum over the last layer's
    outputs, and an LSTM's cell from 0. If encoder and decoder differ in size, hidden = tanh(W m + b) and cell = W m +
    b.
    """

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        self.config = config
        fits = config.encoded_size == config.hidden_size
        has_cell = config.cell == "lstm" and config.context == "last"
        self.hidden = None if fits else nn.Linear(config.encoded_size, config.hidden_size)
        self.cell = None if fits or not has_cell else nn.Linear(config.encoded_size, config.hidden_size)

    def summary(self, encoded: Encoded, mask: Tensor) -> Tensor:
        """One vector for the source, [B, M]. mask: [B, S], True at tokens."""
        if self.config.context == "mean":
            return encoded.outputs.sum(1) / mask.sum(1, keepdim=True)  # padding is zero
        if self.config.context == "max":
            return encoded.outputs.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(1)
        return encoded.hidden[:, -1]

    def forward(self, encoded: Encoded, mask: Tensor) -> State:
        """The state of the decoder's recurrent layers, in float32: LSTMState, or [B, L, H]."""
        layers = self.config.num_layers
        by_layer = self.config.context == "last" and encoded.hidden.shape[1] == layers
        hidden = encoded.hidden  # [B, L, M]
        if not by_layer:
            hidden = self.summary(encoded, mask).unsqueeze(1).expand(-1, layers, -1)
        if self.hidden is not None:
            hidden = torch.tanh(self.hidden(hidden))
        hidden = hidden.float()
        if self.config.cell != "lstm":
            return hidden
        if self.config.context != "last":
            return LSTMState(hidden, torch.zeros_like(hidden))
        cell = cast(Tensor, encoded.cell)
        cell = cell if by_layer else cell[:, -1:].expand(-1, layers, -1)
        return LSTMState(hidden, (cell if self.cell is None else self.cell(cell)).float())


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
