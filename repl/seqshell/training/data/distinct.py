"""Which of many texts are equal, from a hash of each: the texts need not be in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.token_rows import contents_of

SIZE = 8  # bytes of a hash: among ten million texts, one of 400,000 sets has two with the same


def hashes_of(contents: Iterable[bytes]) -> NDArray[np.int64]:
    """[N]: the hash of each text in UTF-8, which is another one in each process."""
    return np.fromiter(map(hash, contents), np.int64)


def numbers_of(texts: Iterable[str]) -> NDArray[Any]:
    """[N]: the number of each text among the different ones, in the order in which they come first; small integers."""
    return numbers_of_hashes(hashes_of(contents_of(texts)))


def numbers_of_hashes(hashes: bytearray | NDArray[np.int64]) -> NDArray[Any]:
    """The same, given the hashes one after the other."""
    found = np.frombuffer(hashes, np.uint64)
    dtype = integer_type(len(found))
    order = np.argsort(found, kind="stable").astype(dtype)  # equal ones are side by side, the first one before others
    is_new = np.ones(len(order), bool)
    ranked = found[order]
    np.not_equal(ranked[1:], ranked[:-1], out=is_new[1:])
    del ranked
    is_first = np.zeros(len(order), bool)
    is_first[order[is_new]] = True
    number = np.cumsum(is_first, dtype=dtype) - dtype.type(1)  # of each text that is the first of its kind
    numbers = np.empty(len(order), dtype)
    numbers[order] = number[order[is_new]][np.cumsum(is_new, dtype=dtype) - dtype.type(1)]
    return numbers
