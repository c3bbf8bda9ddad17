"""Attention by position in numpy; the same values as `attention.Attention`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.layers import read_linear
from seqshell.layers.weights import Floats, Weights
from seqshell_seq2seq.config import AttentionConfig

LEAST = np.float32(1e-30)  # of the sum of the weights of tokens


class PositionAttention:
    """Weights of the places of a source from the token that is read and the hidden state."""

    def __init__(self, config: AttentionConfig, weights: Weights) -> None:
        embed = config.embed_size
        self._places = read_linear(weights, "attention.places.", embed + config.hidden_size, config.attention_size)
        self._combined = read_linear(weights, "combined.", embed + config.encoded_size, embed)

    def keys(self, encoded: Floats) -> Floats:
        """The same object: the places have no keys."""
        return encoded

    def __call__(self, query: Floats, keys: Floats, encoded: Floats, mask: NDArray[Any]) -> tuple[Floats, Floats]:
        """The context [B, M] and the weights [B, S].

        query: [x; h] [B, E + H]; encoded: [B, S, M]; mask: [B, S], True at tokens. All may lack the axis B.
        """
        scores = self._places(query)
        found = np.exp(scores - scores.max(-1, keepdims=True))
        found /= found.sum(-1, keepdims=True)
        size = min(mask.shape[-1], found.shape[-1])
        weights = np.zeros(mask.shape, np.float32)
        weights[..., :size] = found[..., :size] * mask[..., :size]
        context: Floats = np.matmul(weights[..., None, :], encoded)[..., 0, :]
        return context, weights / np.maximum(weights.sum(-1, keepdims=True), LEAST)

    def combined(self, vectors: Floats, context: Floats) -> Floats:
        """relu(V [x; c] + d): [B, E]."""
        found: Floats = np.maximum(self._combined(np.concatenate((vectors, context), -1)), np.float32(0))
        return found
