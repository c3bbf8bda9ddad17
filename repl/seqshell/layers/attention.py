"""Attention over a source in numpy: dot, general, additive and concat scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.layers.linear import Linear, read_linear
from seqshell.layers.weights import Floats, Weights, take


class Attention:
    """Score the encoded source tokens m_s against a decoder state h, and average them with the softmax of the scores.

        score_s = h . k_s / sqrt(H)    dot, general      (Luong et al. 2015, https://arxiv.org/abs/1508.04025, eq. 8;
                                       divided as in Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, 3.2.1)
        score_s = v . tanh(W h + k_s)  additive, concat  (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, A.1.2)
        weights = softmax(scores),  context = sum_s weights_s m_s

    The keys k_s are m_s itself or U m_s + b. They depend on the source alone, so they are computed once per source and
    not at every step. Padding gets the weight 0.
    """

    def __init__(self, keys: Linear | None = None, query: Linear | None = None, vector: Floats | None = None) -> None:
        """keys: from m_s to k_s, None if they are the same; query: W; vector: v [K], None for dot and general."""
        self._keys = keys
        self._query = query
        self._vector = vector

    def keys(self, encoded: Floats) -> Floats:
        """The keys [B, S, K] of encoded [B, S, M]; for dot attention the same object."""
        return encoded if self._keys is None else self._keys(encoded)

    def __call__(self, query: Floats, keys: Floats, encoded: Floats, mask: NDArray[Any]) -> tuple[Floats, Floats]:
        """The context [B, M] and the weights [B, S].

        query: [B, H]; keys: [B, S, K]; encoded: [B, S, M]; mask: [B, S], True at tokens. All may lack the axis B.
        """
        if self._vector is None:
            scores = _products(keys, query * np.float32(query.shape[-1] ** -0.5))
        else:
            projected = query if self._query is None else self._query(query)
            inner: Floats = keys + projected[..., None, :]  # [B, S, K]
            np.tanh(inner, inner)
            scores = inner.dot(self._vector)
        np.copyto(scores, -np.inf, where=~mask)
        scores -= scores.max(-1, keepdims=True)  # softmax is the same, and exp cannot overflow
        weights: Floats = np.exp(scores, scores)
        weights /= weights.sum(-1, keepdims=True)
        return _products(encoded.swapaxes(-1, -2), weights), weights


def read_attention(
    kind: str, weights: Weights, *, hidden_size: int, encoded_size: int, attention_size: int, prefix: str = "attention."
) -> Attention:
    """Attention of one kind with a checkpoint's tensors, whose names start with `prefix`.

    dot        no tensors
    general    keys_of.weight [H, M]
    additive   keys_of.weight [K, M], keys_of.bias [K], query_of.weight [K, H], vector.weight [1, K]
    concat     joint.weight [K, H + M], its first H columns for the query, and vector.weight [1, K]

    Raises CheckpointError if a tensor is missing or has another shape.
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
    """matrix: [B, N, K]; vector: [B, K]. Returns [B, N]. All may lack the axis B."""
    if vector.ndim == 1:
        single: Floats = matrix.dot(vector)
        return single
    products: Floats = np.matmul(matrix, vector[..., None])[..., 0]
    return products
