"""From the encoder's states to the decoder's initial state, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import State
from seqshell.layers import Encoded, LSTMState, read_linear
from seqshell.layers.weights import Floats, Weights
from seqshell_seq2seq.config import EncoderDecoderConfig


class Bridge:
    """From the encoder's states to the decoder's initial state, see `encoders.Bridge`."""

    def __init__(self, config: EncoderDecoderConfig, weights: Weights) -> None:
        self.config = config
        sizes = config.encoded_size, config.hidden_size
        self.hidden = self.cell = None
        if config.has_bridge_layer:
            self.hidden = read_linear(weights, "bridge.hidden.", *sizes)
            self.cell = read_linear(weights, "bridge.cell.", *sizes) if config.bridges_cell else None

    def summary(self, encoded: Encoded, mask: NDArray[Any]) -> Floats:
        """One vector for the source, [B, M]. mask: [B, S], True at tokens."""
        if self.config.context == "mean":
            mean: Floats = encoded.outputs.sum(1) / mask.sum(1, keepdims=True, dtype=np.float32)  # padding is zero
            return mean
        if self.config.context == "max":
            largest: Floats = np.where(mask[..., None], encoded.outputs, -np.inf).max(1)
            return largest
        return combined(encoded.hidden[:, -1], self.config).copy()

    def __call__(self, encoded: Encoded, mask: NDArray[Any]) -> State:
        """The state of the decoder's recurrent layers: LSTMState, or [B, L, H]."""
        hidden = self._layers(encoded.hidden, self.summary(encoded, mask))
        if self.hidden is not None:
            hidden = np.tanh(self.hidden(hidden))
        if self.config.cell != "lstm":
            return hidden
        if encoded.cell is not None and self.config.bridges_cell:
            cell = self._layers(encoded.cell, combined(encoded.cell[:, -1], self.config))
            return LSTMState(hidden, cell if self.cell is None else self.cell(cell))
        return LSTMState(hidden, hidden.copy() if self.config.initial_cell == "hidden" else np.zeros_like(hidden))

    def _layers(self, states: Floats, top: Floats) -> Floats:
        """states: [B, L, D * N]; top: [B, M], of all layers but with context = last. Returns one per decoder layer."""
        config, layers = self.config, self.config.num_layers
        if config.bridge == "zeros":
            return np.zeros((len(states), layers, config.hidden_size), np.float32)
        if config.bridge == "directions":
            return states.reshape(len(states), -1, config.encoder_size)[:, :layers].copy()
        if config.context == "last" and states.shape[1] == layers:
            return combined(states, config)
        return top[:, None].repeat(layers, axis=1)


def combined(values: Floats, config: EncoderDecoderConfig) -> Floats:
    """Both directions [..., D * N] as the setting `directions` says: [..., M]."""
    if config.directions == "joined":
        return values
    total: Floats = values.reshape(*values.shape[:-1], config.num_directions, config.encoder_size).sum(-2)
    return total
