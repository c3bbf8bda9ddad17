"""The sLSTM in numpy, token by token; sessions do not import torch."""

import numpy as np

from seqshell.layers import LayerNorm, Readout, read_linear, take
from seqshell_slstm.config import LayerState

ZERO, HALF = np.float32(0), np.float32(0.5)


class SLSTMDecoder:
    """State: a tuple of one LayerState per layer."""

    def __init__(self, config, weights):
        size = self._size = config.hidden_size
        self._vectors = take(weights, "embedding.weight", config.vocab_size, size)
        self._layers = [SLSTMLayer(config, weights, f"layers.{number}.") for number in range(config.num_layers)]
        self._norm = _norm(weights, "norm.", size)
        self._readout = Readout(weights, size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """Zeros, and -inf for `most`."""
        zeros = np.zeros((batch_size, self._size), np.float32)
        return (LayerState(zeros, zeros, zeros, np.full_like(zeros, -np.inf)),) * len(self._layers)

    def step(self, inputs, state):
        """inputs: [B] int64. Returns logits [B, V], state."""
        read, after = self._vectors[inputs], []
        for layer, before in zip(self._layers, state, strict=True):
            read, last = layer(read, before)
            after.append(last)
        return self._readout(self._norm(read)), tuple(after)

    def feed(self, inputs, state):
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        for tokens in inputs.T:
            outputs, state = self.step(tokens, state)
        return outputs, state


class SLSTMLayer:
    """One time step of a layer; see `model.SLSTMLayer` for the equations."""

    def __init__(self, config, weights, prefix):
        size = config.hidden_size
        self._is_exponential = config.forget_gate == "exponential"
        self._norm = _norm(weights, f"{prefix}norm.", size)
        self._reading = read_linear(weights, f"{prefix}reading.", size, 4 * size)
        self._recurrent = read_linear(weights, f"{prefix}recurrent.", size, 4 * size, has_bias=False)
        self._out = read_linear(weights, f"{prefix}out.", size, size)

    def __call__(self, inputs, state):
        """inputs: [B, H]; state: a LayerState. Returns [B, H], LayerState."""
        i, f, z, o = np.split(self._reading(self._norm(inputs)) + self._recurrent(state.hidden), 4, -1)
        kept = state.most + (f if self._is_exponential else -np.logaddexp(ZERO, -f))
        most = np.maximum(kept, i)
        keep, add = np.exp(kept - most), np.exp(i - most)
        cell, normaliser = keep * state.cell + add * np.tanh(z), keep * state.normaliser + add
        hidden = (np.tanh(o * HALF) * HALF + HALF) * cell / normaliser
        return inputs + self._out(hidden), LayerState(hidden, cell, normaliser, most)


def _norm(weights, prefix, size):
    return LayerNorm(take(weights, f"{prefix}weight", size), take(weights, f"{prefix}bias", size))
