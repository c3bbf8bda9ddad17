"""Which of many texts are equal, from a hash of each: the texts need not be in memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.training.data.small_integers import integer_type, small
from seqshell.training.data.token_rows import contents_of

SORTED = 4000  # hashes that are sorted together, about
WORD = 8  # bytes that are hashed together; after the texts of a block there are as many
FACTOR, SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)  # odd, so that different words stay different
ENDS = np.array([(1 << 8 * size) - 1 for size in range(WORD + 1)], np.uint64)  # the first bytes of a word


def hashes_of(contents: Iterable[bytes]) -> NDArray[np.int64]:
    """[N]: the hash of each text in UTF-8, which is another one in each process."""
    return np.fromiter(map(hash, contents), np.int64)


def hashes_between(block: bytes, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """[N]: the hash of each text in a block of bytes, which ends in WORD bytes that belong to no text.

    Among ten million texts, one of 400,000 sets has two with the same hash.
    """
    words = np.ndarray((len(block) - WORD + 1,), "<u8", block, 0, (1,))  # those that begin at each byte
    order = np.argsort(small(int(sizes.max(initial=0)) - sizes), kind="stable")  # small integers are sorted much faster
    places, left = starts[order], sizes[order]
    hashes = left.astype(np.uint64) * FACTOR
    shorter, done, number = -left, 0, int(np.searchsorted(-left, 0))  # number: of texts that do not end before
    while number:
        found = words[places[:number]]
        whole = int(np.searchsorted(shorter, -WORD - done, "right"))
        found[whole:] &= ENDS[left[whole:number] - done]
        here = hashes[:number]
        here ^= found
        here *= FACTOR
        here ^= here >> SHIFT
        done += WORD
        number = int(np.searchsorted(shorter, -done))
        places[:number] += WORD
    result = np.empty(len(order), np.uint64)
    result[order] = hashes
    return result


def numbers_of(texts: Iterable[str]) -> NDArray[Any]:
    """[N]: the number of each text among the different ones, in the order in which they come first; small integers."""
    return numbers_of_hashes(hashes_of(contents_of(texts)))


def numbers_of_hashes(hashes: bytearray | NDArray[Any]) -> NDArray[Any]:
    """The same, given the hashes one after the other."""
    found = np.frombuffer(hashes, np.uint64)
    dtype = integer_type(len(found))
    order, is_new = _by_hash(found)
    is_first = np.zeros(len(order), bool)
    is_first[order[is_new]] = True
    number = np.cumsum(is_first, dtype=dtype) - dtype.type(1)  # of each text that is the first of its kind
    numbers = np.empty(len(order), dtype)
    numbers[order] = number[order[is_new]][np.cumsum(is_new, dtype=dtype) - dtype.type(1)]
    return numbers


def _by_hash(hashes: NDArray[np.uint64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """[N]: the places of hashes: those of equal ones are side by side, the first one before others. And whether another
    hash is before each.

    They are divided by their first bits, so that what is sorted together is small and stays in the cache.
    """
    bits = min(16, max(1, (len(hashes) // SORTED).bit_length()))
    heads = (hashes >> np.uint64(64 - bits)).astype(np.uint16)
    order = np.argsort(heads, kind="stable").astype(integer_type(len(hashes)))
    ends = np.append(0, np.cumsum(np.bincount(heads, minlength=1 << bits))).tolist()
    is_new = np.ones(len(order), bool)
    for start, end in pairwise(ends):
        some = hashes[order[start:end]]
        ranks = np.argsort(some, kind="stable")
        order[start:end] = order[start:end][ranks]
        np.not_equal(some[ranks[1:]], some[ranks[:-1]], out=is_new[start + 1 : end])
    return order, is_new
