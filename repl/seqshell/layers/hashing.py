"""Where the weights of a feature stand in a table that all features share. The same arithmetic in numpy and in torch, on int64 arrays."""

from __future__ import annotations

from typing import Any

MODULUS = 2**31 - 1  # a prime
MULTIPLIER = 1_073_741_789  # below 2**30, so that a product stays below 2**62; neighbours land far apart


def places(contexts: Any, table_size: int) -> list[Any]:
    """contexts: [..., n - 1] int64, the last tokens, -1 where there are none.

    Returns n arrays [...]: for the last 0, 1, ... n - 1 tokens, the place of their feature for the token 0; that of token w is w further on.
    """
    hashed = contexts[..., :0].sum(-1) + 1  # of no tokens: ones [...]
    found = [hashed % table_size]
    for back in range(1, contexts.shape[-1] + 1):
        hashed = (hashed + contexts[..., -back] + 2) * MULTIPLIER % MODULUS
        found.append(hashed % table_size)
    return found
