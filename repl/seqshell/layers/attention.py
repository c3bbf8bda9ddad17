"""Attention in numpy: how well each token of the source answers what a decoder looks for, and what it then sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.layers.linear import Linear, read_linear
from seqshell.layers.packing import Floats, Weights, take


class Attention:
    """Scores of source tokens m_s for a decoder state h, softmax over them, and the mean of the m_s with these weights, the context.

        h . k_s / sqrt(H)    dot, general      (Luong et al. 2015, https://arxiv.org/abs/1508.04025, equation 8;
                             divided as Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.2.1)
        v . tanh(W h + k_s)  additive, concat  (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, appendix A.1.2)

    The keys k_s depend on the source alone and are computed once for it: m_s itself, or U m_s + b. Padding gets the weight 0.
    """

    def __init__(self, keys: Linear | None = None, query: Linear | None = None, vector: Floats | None = None) -> None:
        """keys: m_s to k_s, None where they are the same; query: W; vector: v [K]."""
        self._keys = keys
        self._query = query
        self._vector = vector

    def keys(self, encoded: Floats) -> Floats:
        """encoded: [B, S, M]. Returns [B, S, K]; for dot attention the same object."""
        return encoded if self._keys is None else self._keys(encoded)

    def __call__(self, query: Floats, keys: Floats, encoded: Floats, mask: NDArray[Any]) -> tuple[Floats, Floats]:
        """query: [B, H]; keys: [B, S, K]; encoded: [B, S, M]; mask: [B, S], True at tokens. Returns the context [B, M] and the weights [B, S].

        All of them may lack the axis B.
        """
        if self._vector is None:
            scores = _products(keys, query * np.float32(query.shape[-1] ** -0.5))
        else:
            looked = query if self._query is None else self._query(query)
            inner: Floats = keys + looked[..., None, :]  # [B, S, K]
            np.tanh(inner, inner)
            scores = inner.dot(self._vector)
        np.copyto(scores, -np.inf, where=~mask)
        scores -= scores.max(-1, keepdims=True)
        weights: Floats = np.exp(scores, scores)
        weights /= weights.sum(-1, keepdims=True)
        return _products(encoded.swapaxes(-1, -2), weights), weights


def read_attention(
    kind: str, weights: Weights, *, hidden_size: int, encoded_size: int, attention_size: int, prefix: str = "attention."
) -> Attention:
    """Attention of a kind from a checkpoint's tensors; CheckpointError when one is missing or has another shape.

    dot        none
    general    weights[f"{prefix}keys_of.weight"] [H, M]
    additive   keys_of.weight [K, M], keys_of.bias [K], query_of.weight [K, H] and vector.weight [1, K]
    concat     joint.weight [K, H + M], of which the first H columns are the query's, and vector.weight
    """
    if kind == "dot":
        return Attention()
    if kind == "general":
        return Attention(read_linear(weights, f"{prefix}keys_of.", encoded_size, hidden_size, has_bias=False))
    vector = take(weights, f"{prefix}vector.weight", 1, attention_size)[0]
    if kind == "additive":
        keys = read_linear(weights, f"{prefix}keys_of.", encoded_size, attention_size)
        return Attention(
            keys, read_linear(weights, f"{prefix}query_of.", hidden_size, attention_size, has_bias=False), vector
        )
    joint = take(weights, f"{prefix}joint.weight", attention_size, hidden_size + encoded_size)
    return Attention(Linear(joint[:, hidden_size:].copy()), Linear(joint[:, :hidden_size].copy()), vector)


def _products(matrix: Floats, vector: Floats) -> Floats:
    """matrix: [B, N, K]; vector: [B, K]. Returns [B, N]; all without B too."""
    if vector.ndim == 1:
        alone: Floats = matrix.dot(vector)
        return alone
    products: Floats = np.matmul(matrix, vector[..., None])[..., 0]
    return products
