"""The transformer in numpy; sessions do not import torch."""

import numpy as np

from seqshell.layers import LayerNorm, Readout, read_linear, take
from seqshell_growing_cache.config import BASE, Cache


def rotated(vectors, first):
    """As in `model`. vectors: [B, A, T, D]."""
    half = vectors.shape[-1] // 2
    positions = np.arange(first, first + vectors.shape[2])
    angles = (positions[:, None] * BASE ** (-np.arange(half) / half)).astype(np.float32)
    left, right = np.split(vectors, 2, -1)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate((left * cos - right * sin, left * sin + right * cos), -1)


class CachedTransformerDecoder:
    """State: a tuple of one Cache for each layer."""

    def __init__(self, config, weights):
        self._config, size = config, config.hidden_size
        self._vectors = take(weights, "embedding.weight", config.vocab_size, size)
        self._layers = [TransformerLayer(config, weights, f"layers.{number}.") for number in range(config.num_layers)]
        self._norm = _norm(weights, "norm.", size)
        self._readout = Readout(weights, size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """Empty caches."""
        empty = np.zeros((batch_size, self._config.num_heads, 0, self._config.head_size), np.float32)
        return (Cache(empty, empty),) * len(self._layers)

    def step(self, inputs, state):
        """inputs: [B] int64. Returns logits [B, V], state."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs, state):
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        hidden, after = self._vectors[inputs], []
        for layer, cache in zip(self._layers, state, strict=True):
            hidden, cache = layer(hidden, cache)
            after.append(cache)
        return self._readout(self._norm(hidden[:, -1])), tuple(after)


class TransformerLayer:
    """A layer; see `model.TransformerLayer`."""

    def __init__(self, config, weights, prefix):
        size = config.hidden_size
        self._num_heads = config.num_heads
        self._norm, self._norm_wide = (_norm(weights, f"{prefix}{name}.", size) for name in ("norm", "norm_wide"))
        self._project = read_linear(weights, f"{prefix}project.", size, 3 * size)
        self._out = read_linear(weights, f"{prefix}out.", size, size)
        self._wide = read_linear(weights, f"{prefix}wide.", size, 4 * size)
        self._narrow = read_linear(weights, f"{prefix}narrow.", 4 * size, size)

    def __call__(self, inputs, cache):
        """inputs: [B, T, H]. Returns [B, T, H], and the cache with T more."""
        batch, length, size = inputs.shape
        past = cache.keys.shape[2]
        parts = self._project(self._norm(inputs)).reshape(batch, length, 3, self._num_heads, -1)
        queries, keys, values = parts.transpose(2, 0, 3, 1, 4)
        keys = np.concatenate((cache.keys, rotated(keys, past)), 2)
        values = np.concatenate((cache.values, values), 2)
        scores = rotated(queries, past) @ keys.swapaxes(2, 3) * np.float32(queries.shape[-1] ** -0.5)  # [B, A, T, S]
        scores = np.where(np.tri(length, past + length, past, dtype=bool), scores, np.float32(-np.inf))
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        seen = weights / weights.sum(-1, keepdims=True) @ values
        inputs = inputs + self._out(np.ascontiguousarray(seen.swapaxes(1, 2)).reshape(batch, length, size))
        return inputs + self._narrow(np.maximum(self._wide(self._norm_wide(inputs)), 0)), Cache(keys, values)


def _norm(weights, prefix, size):
    return LayerNorm(take(weights, f"{prefix}weight", size), take(weights, f"{prefix}bias", size))
