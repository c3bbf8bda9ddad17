"""The selective state space model in numpy, token by token; sessions do not import torch."""

import numpy as np

from seqshell.layers import LayerNorm, Readout, read_linear, take
from seqshell_selective.config import LayerState

HALF = np.float32(0.5)


class SelectiveDecoder:
    """State: a tuple of one LayerState per layer."""

    def __init__(self, config, weights):
        size = config.hidden_size
        self._config = config
        self._vectors = take(weights, "embedding.weight", config.vocab_size, size)
        self._layers = [SelectiveLayer(config, weights, f"layers.{number}.") for number in range(config.num_layers)]
        self._norm = _norm(weights, "norm.", size)
        self._readout = Readout(weights, size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """Zeros."""
        config = self._config
        shapes = (batch_size, config.channels, config.kernel_size - 1), (batch_size, config.channels, config.state_size)
        return tuple(LayerState(*(np.zeros(shape, np.float32) for shape in shapes)) for _ in self._layers)

    def step(self, inputs, state):
        """inputs: [B] int64. Returns logits [B, V], state."""
        hidden, state = self._read(inputs, state)
        return self._readout(self._norm(hidden)), state

    def feed(self, inputs, state):
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        for tokens in inputs.T:
            hidden, state = self._read(tokens, state)
        return self._readout(self._norm(hidden)), state

    def _read(self, tokens, state):
        """tokens: [B]. Returns the last layer's outputs [B, H] and the state."""
        hidden, after = self._vectors[tokens], []
        for layer, before in zip(self._layers, state, strict=True):
            hidden, last = layer(hidden, before)
            after.append(last)
        return hidden, tuple(after)


class SelectiveLayer:
    """One time step of a layer; see `model.SelectiveLayer` for the equations."""

    def __init__(self, config, weights, prefix):
        size, channels = config.hidden_size, config.channels
        self._starts = [config.rank, config.rank + config.state_size]  # of b and c
        self._norm = _norm(weights, f"{prefix}norm.", size)
        self._entering = read_linear(weights, f"{prefix}entering.", size, 2 * channels, has_bias=False)
        self._kernel = take(weights, f"{prefix}convolution.weight", channels, 1, config.kernel_size)[:, 0]  # [D, K]
        self._kernel_bias = take(weights, f"{prefix}convolution.bias", channels)
        self._choosing = read_linear(
            weights, f"{prefix}choosing.", channels, config.rank + 2 * config.state_size, has_bias=False
        )
        self._step = read_linear(weights, f"{prefix}step.", config.rank, channels)
        self._decay = -np.exp(take(weights, f"{prefix}decay", channels, config.state_size))
        self._direct = take(weights, f"{prefix}direct", channels)
        self._leaving = read_linear(weights, f"{prefix}leaving.", channels, size, has_bias=False)

    def __call__(self, inputs, state):
        """inputs: [B, H]; state: a LayerState. Returns [B, H], LayerState."""
        x, z = np.split(self._entering(self._norm(inputs)), 2, axis=-1)  # [B, D] each
        seen = np.concatenate((state.inputs, x[..., None]), axis=-1)  # [B, D, K]
        x = _silu((seen * self._kernel).sum(-1) + self._kernel_bias)
        r, b, c = np.split(self._choosing(x), self._starts, axis=-1)
        s = np.logaddexp(self._step(r), np.float32(0))
        space = np.exp(s[..., None] * self._decay) * state.space + (s * x)[..., None] * b[:, None]  # [B, D, N]
        y = (space @ c[..., None])[..., 0] + self._direct * x
        return inputs + self._leaving(y * _silu(z)), LayerState(seen[..., 1:].copy(), space)


def _norm(weights, prefix, size):
    return LayerNorm(take(weights, f"{prefix}weight", size), take(weights, f"{prefix}bias", size))


def _silu(values):
    return values * (np.tanh(values * HALF) * HALF + HALF)  # does not overflow
