"""Keys of n-grams for the linear part, computed alike for numpy and torch.

A key is a hash of the tokens, below 2^31 - 1. A text is read with BEGIN before its first token and END after its last.
"""

from __future__ import annotations

from typing import Any

MODULUS = 2**31 - 1
# From L'Ecuyer 1999, https://doi.org/10.1090/S0025-5718-99-00996-5: its multiples are spread evenly, so that two pairs
# of tokens rarely share a key.
MULTIPLIER = 1_583_458_089
BEGIN, END = -1, -2  # in place of tokens
NONE = -1  # in place of a key


def window_keys(windows: Any) -> list[Any]:
    """The keys of the n-grams that end each window, shortest first.

    windows: [..., N] int64, the last N tokens; BEGIN wherever the text has not begun. Returns N arrays [...]; NONE for
    an n-gram that reaches back further than one BEGIN.
    """
    keys, key = [], 0
    for back in range(1, windows.shape[-1] + 1):
        key = (key + windows[..., -back] + 3) * MULTIPLIER % MODULUS
        keys.append(key if back == 1 else (key + 1) * (windows[..., 1 - back] != BEGIN) - 1)
    return keys
