"""The transformer in torch. Positions are rotations (Su et al. 2021, https://arxiv.org/abs/2104.09864).

The decoder, which reads one token at a time, is in `decoding`.
"""

import torch
from torch import nn
from torch.nn import functional

from seqshell_growing_cache.config import BASE, Cache


def rotated(vectors, first):
    """Turn each pair of numbers by an angle in proportion to the position. vectors: [B, A, T, D]; first: of the T."""
    half = vectors.shape[-1] // 2
    positions = torch.arange(first, first + vectors.shape[2], device=vectors.device, dtype=torch.float32)
    angles = positions[:, None] * BASE ** (-torch.arange(half, device=vectors.device) / half)  # [T, D / 2]
    left, right = vectors.split(half, -1)
    cos, sin = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    return torch.cat((left * cos - right * sin, left * sin + right * cos), -1)


class TransformerLayer(nn.Module):
    """x' = x + W_o attention(LayerNorm(x)),  x'' = x' + W_2 relu(W_1 LayerNorm(x'))."""

    def __init__(self, config):
        super().__init__()
        self.config, size = config, config.hidden_size
        self.norm, self.norm_wide = nn.LayerNorm(size), nn.LayerNorm(size)
        self.project = nn.Linear(size, 3 * size)  # queries, keys and values
        self.out = nn.Linear(size, size)
        self.wide, self.narrow = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, inputs, cache):
        """inputs: [B, T, H]. Returns [B, T, H], and the cache with T more."""
        batch, length, size = inputs.shape
        past = cache.keys.shape[2]
        parts = self.project(self.norm(inputs)).view(batch, length, 3, self.config.num_heads, -1)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # [B, A, T, D] each
        keys = torch.cat((cache.keys, rotated(keys, past).to(cache.keys.dtype)), 2)
        values = torch.cat((cache.values, values.to(cache.values.dtype)), 2)
        sees = torch.ones(length, past + length, dtype=torch.bool, device=inputs.device).tril(past)
        queries = rotated(queries, past).to(keys.dtype)
        seen = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=sees)
        inputs = inputs + self.out(seen.transpose(1, 2).reshape(batch, length, size))
        return inputs + self.narrow(functional.relu(self.wide(self.norm_wide(inputs)))), Cache(keys, values)


class CachedTransformer(nn.Module):
    """Embedding, layers, normalisation, linear read-out. State: a Cache for each layer."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """Empty caches."""
        empty = self.readout.weight.new_zeros(batch_size, self.config.num_heads, 0, self.config.head_size)
        return (Cache(empty, empty),) * len(self.layers)

    def forward(self, tokens, state):
        """tokens: [B, T] int64. Returns logits [B, T, V], state."""
        hidden, after = self.embedding(tokens), []
        for layer, cache in zip(self.layers, state, strict=True):
            hidden, cache = layer(hidden, cache)
            after.append(cache)
        return self.readout(self.norm(hidden)), tuple(after)
