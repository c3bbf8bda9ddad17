"""Which of many texts are equal, from a hash of each: the texts need not be in memory."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

SIZE = 8  # bytes of a hash: among ten million texts, one of 400,000 sets has two with the same


def hash_of(text: str) -> bytes:
    """The hash of a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()


def numbers_of(texts: Iterable[str]) -> NDArray[np.int64]:
    """[N]: the number of each text among the different ones, in the order in which they come first."""
    hashes = bytearray()
    for text in texts:
        hashes += hash_of(text)
    return numbers_of_hashes(hashes)


def numbers_of_hashes(hashes: bytearray) -> NDArray[np.int64]:
    """The same, given the hashes one after the other."""
    _, firsts, which = np.unique(np.frombuffer(hashes, np.uint64), return_index=True, return_inverse=True)
    number = np.empty(len(firsts), np.int64)
    number[np.argsort(firsts)] = np.arange(len(firsts))
    return number[which]
