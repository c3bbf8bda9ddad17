"""The minGRU in numpy, step by step; sessions do not import torch."""

import numpy as np

from seqshell.layers import LayerNorm, Readout, read_linear, take


class MinGRUDecoder:
    """State: one array [B, L, H]."""

    def __init__(self, config, weights):
        size = self._size = config.hidden_size
        self._vectors = take(weights, "embedding.weight", config.vocab_size, size)
        self._layers = []  # normalisation, gate and candidate concatenated, output
        for prefix in (f"layers.{number}." for number in range(config.num_layers)):
            gates, out = (
                read_linear(weights, f"{prefix}gates.", size, 2 * size),
                read_linear(weights, f"{prefix}out.", size, size),
            )
            self._layers.append((_norm(weights, f"{prefix}norm.", size), gates, out))
        self._norm = _norm(weights, "norm.", size)
        self._readout = Readout(weights, size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """[batch_size, L, H] zeros."""
        return np.zeros((batch_size, len(self._layers), self._size), np.float32)

    def step(self, inputs, state):
        """inputs: [B] int64; state: [B, L, H]. Returns logits [B, V], state."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs, state):
        """inputs: [B, T] int64; state: [B, L, H]. Returns the logits [B, V] after the last token, state."""
        hidden, steps, _ = self._read(inputs, state)
        return self._readout(self._norm(hidden[:, -1])), steps[:, -1]

    def trace(self, inputs, state):
        """As `feed`, with the logits [B, T, V], and the states and the shares that they keep [B, T, L, H]."""
        hidden, steps, kept = self._read(inputs, state)
        return self._readout(self._norm(hidden)), steps[:, -1], {"0": steps, "forget": kept}

    def _read(self, inputs, state):
        """Returns the hidden vectors [B, T, H] before the read-out, and states and kept shares [B, T, L, H]."""
        read, states, kept = self._vectors[inputs], [], []  # [B, T, H]
        for number, (norm, gates, out) in enumerate(self._layers):
            gate, candidate = np.split(gates(norm(read)), 2, axis=-1)
            gate = _sigmoid(gate)
            keep, candidate = 1 - gate, gate * candidate
            hidden, steps = state[:, number], np.empty_like(read)
            for time in range(read.shape[1]):
                steps[:, time] = hidden = keep[:, time] * hidden + candidate[:, time]
            states.append(steps)
            kept.append(keep)
            read = read + out(steps * _sigmoid(steps))
        return read, np.stack(states, 2), np.stack(kept, 2)


def _norm(weights, prefix, size):
    return LayerNorm(take(weights, f"{prefix}weight", size), take(weights, f"{prefix}bias", size))


def _sigmoid(values):
    return np.tanh(values / 2) / 2 + np.float32(0.5)  # does not overflow
