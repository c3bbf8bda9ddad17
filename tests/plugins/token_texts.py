"""Texts of a few tokens, in which the last two tell the next."""

from __future__ import annotations

import numpy as np

A, B, C = range(3)


def random_text(seed, vocab_size, length):
    """Seven in ten tokens are the sum of the last two, the others are random."""
    random = np.random.default_rng(seed)
    ids = [0, 1]
    for _ in range(length - 2):
        ids.append(int((ids[-1] + ids[-2]) % vocab_size if random.random() < 0.7 else random.integers(vocab_size)))
    return ids
