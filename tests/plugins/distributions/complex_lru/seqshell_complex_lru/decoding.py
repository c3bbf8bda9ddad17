"""The linear recurrent unit in numpy, token by token; sessions do not import torch."""

import math

import numpy as np

from seqshell.layers import LayerNorm, Readout, read_linear, take


class LRUDecoder:
    """State: a complex array [B, L, N]."""

    def __init__(self, config, weights):
        self._config, size = config, config.hidden_size
        self._vectors = take(weights, "embedding.weight", config.vocab_size, size)
        self._layers = [LRULayer(config, weights, f"layers.{number}.") for number in range(config.num_layers)]
        self._norm = _norm(weights, "norm.", size)
        self._readout = Readout(weights, size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """Zeros."""
        return np.zeros((batch_size, self._config.num_layers, self._config.state_size), np.complex64)

    def step(self, inputs, state):
        """inputs: [B] int64. Returns logits [B, V], state."""
        read, after = self._vectors[inputs], np.empty_like(state)
        for number, layer in enumerate(self._layers):
            read, after[:, number] = layer(read, state[:, number])
        return self._readout(self._norm(read)), after

    def feed(self, inputs, state):
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        for tokens in inputs.T:
            outputs, state = self.step(tokens, state)
        return outputs, state


class LRULayer:
    """One time step of a layer; see `model.LRULayer` for the equations."""

    def __init__(self, config, weights, prefix):
        size, number = config.hidden_size, config.state_size
        self._norm = _norm(weights, f"{prefix}norm.", size)
        self._entering = read_linear(weights, f"{prefix}entering.", size, 2 * number, has_bias=False)
        self._leaving = read_linear(weights, f"{prefix}leaving.", 2 * number, size, has_bias=False)
        self._mixing = read_linear(weights, f"{prefix}mixing.", size, size)
        self._direct = take(weights, f"{prefix}direct", size)
        nu, theta = (take(weights, f"{prefix}{name}", number) for name in ("nu", "theta"))
        self._decay = np.exp(-np.exp(nu) + 1j * np.exp(theta)).astype(np.complex64)
        self._gamma = np.sqrt(1 - np.abs(self._decay) ** 2)

    def __call__(self, inputs, hidden):
        """inputs: [B, H]; hidden: [B, N]. Returns [B, H], [B, N]."""
        u = self._norm(inputs)
        real, imaginary = np.split(self._entering(u), 2, -1)
        hidden = self._decay * hidden + self._gamma * (real + 1j * imaginary).astype(np.complex64)
        read = self._leaving(np.concatenate((hidden.real, hidden.imag), -1)) + self._direct * u
        return inputs + self._mixing(_gelu(read)), hidden


def _norm(weights, prefix, size):
    return LayerNorm(take(weights, f"{prefix}weight", size), take(weights, f"{prefix}bias", size))


def _gelu(x):
    """By tanh, as in the model (Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415)."""
    return x * np.float32(0.5) * (1 + np.tanh(np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x**3)))
