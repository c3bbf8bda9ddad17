"""Feature hashing of n-grams: the index of a feature in a weight table that all features share.

The functions take int64 arrays of numpy or torch and compute the same indices for both.
"""

from __future__ import annotations

from typing import Any

MODULUS = 2**31 - 1  # a prime
MULTIPLIER = 1_073_741_789  # below 2**30, so that a product stays below 2**62; similar n-grams get distant indices


def ngram_indices(contexts: Any, table_size: int) -> list[Any]:
    """The table index of each n-gram of the last tokens, shortest first.

    contexts: [..., n - 1] int64, the last tokens; -1 where the text has not begun. Returns n arrays [...], for the
    last 0, 1, ... n - 1 tokens: the index of their feature for token 0. That for token w is w further on.
    """
    hashed = contexts[..., :0].sum(-1) + 1  # of no tokens: ones [...]
    indices = [hashed % table_size]
    for back in range(1, contexts.shape[-1] + 1):
        hashed = (hashed + contexts[..., -back] + 2) * MULTIPLIER % MODULUS
        indices.append(hashed % table_size)
    return indices
