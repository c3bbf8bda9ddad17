"""Keys of n-grams for the linear part, computed alike for numpy and torch.

A key is a hash of the tokens, below 2^31 - 1. A text is read with BEGIN before its first token and END after its last.
"""

from __future__ import annotations

from typing import Any

from seqshell.layers.hashing import MODULUS, ngram_indices

BEGIN, END = -1, -2  # in place of tokens
NONE = -1  # in place of a key


def window_keys(windows: Any) -> list[Any]:
    """The keys of the n-grams that end each window, shortest first.

    windows: [..., N] int64, the last N tokens; BEGIN wherever the text has not begun. Returns N arrays [...]; NONE for
    an n-gram that reaches back further than one BEGIN.
    """
    keys = ngram_indices(windows, MODULUS)[1:]
    for back in range(1, windows.shape[-1]):
        keys[back] = (keys[back] + 1) * (windows[..., -back] != BEGIN) - 1
    return keys
