"""Numbers for the words of large texts: equal words have the same number. A megabyte takes milliseconds.

Words are compared by hashes of 64 bits, which numpy computes for all words of a block at once: of ten million different
words, one of 400,000 sets has two with the same hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seqshell.training.data.distinct import ENDS, FACTOR, SHIFT, WORD

MOST_REMEMBERED = 500_000  # words
WINDOW = 1 << 18  # bytes that are hashed together
SPACE = ord(" ")
BASE = 0x9E3779B97F4A7C15  # of the powers by which the bytes of a word are multiplied; odd, so that it has an inverse
SPREAD = np.uint64(0xD6E8FEB86659FD93)  # odd: moves the bits of a hash to the front
SMALLEST = 12  # bits of a number of slots
TOGETHER = 1 << 19  # words that are counted together
ROOM = 4  # slots for each word, at least
LONG = 64  # bytes of a word; the bytes of longer ones are not hashed eight at a time

Hashes = NDArray[np.uint64]


class WordNumbers:
    """Numbers words, which are what is between spaces, from 0 on in the order in which they come first."""

    def __init__(self) -> None:
        self.size = 0  # different words so far
        self._resize(SMALLEST)

    def __call__(self, content: bytes) -> tuple[NDArray[np.int64], list[bytes]]:
        """The number of each word of a text in UTF-8, and the words that are new."""
        found, new, place = list[NDArray[np.int64]](), list[bytes](), 0
        while place <= len(content):
            end = content.rfind(b" ", place, place + WINDOW) if len(content) - place > WINDOW else len(content)
            if end >= 0:
                found.append(self._numbers_of(content[place:end], new))
            else:  # a word that is too long to be remembered
                end = content.find(b" ", place)
                end = end if end >= 0 else len(content)
                new.append(content[place:end])
                found.append(np.array([self.size]))
                self.size += 1
            place = end + 1
        return np.concatenate(found), new

    def _numbers_of(self, window: bytes, new: list[bytes]) -> NDArray[np.int64]:
        """The numbers of the words of a part of a text; new ones are appended."""
        spaces = np.flatnonzero(np.frombuffer(window, np.uint8) == SPACE)
        starts, ends = np.append(0, spaces + 1), np.append(spaces, len(window))
        hashes = _hashes(window, starts, ends - starts)
        numbers, missing = self._found(hashes)
        if len(missing):
            different, firsts, which = np.unique(hashes[missing], return_index=True, return_inverse=True)
            ranks = np.empty(len(firsts), np.int64)
            ranks[np.argsort(firsts)] = np.arange(self.size, self.size + len(firsts))
            numbers[missing] = ranks[which]
            new += [window[starts[place] : ends[place]] for place in missing[np.sort(firsts)].tolist()]
            self._add(different, ranks)
        return numbers

    def _found(self, hashes: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of words that are known, and the places of those that are not."""
        slots = self._slots(hashes)
        numbers = self._numbers.take(slots, mode="clip").astype(np.int64)  # clip: faster, as all are within
        left, missing = np.flatnonzero(self._keys.take(slots, mode="clip") != hashes), [np.zeros(0, np.int64)]
        slots = slots[left]
        while len(left):
            keys = self._keys[slots]
            is_here, is_empty = keys == hashes[left], keys == 0
            numbers[left[is_here]] = self._numbers[slots[is_here]]
            missing.append(left[is_empty])
            others = ~(is_here | is_empty)
            left, slots = left[others], (slots[others] + 1) & (len(self._keys) - 1)
        return numbers, np.sort(np.concatenate(missing))

    def _add(self, hashes: Hashes, numbers: NDArray[np.int64]) -> None:
        """Put new words into empty slots."""
        self.size += len(hashes)
        if ROOM * self.size > len(self._keys):
            is_used = np.flatnonzero(self._keys)
            # Frequent words come early, and find their slots at once if these are not taken by later ones.
            is_used = is_used[np.argsort(self._numbers[is_used])[::-1]]
            hashes, numbers = np.append(hashes, self._keys[is_used]), np.append(numbers, self._numbers[is_used])
            self._resize(int(ROOM * self.size).bit_length())
        slots = self._slots(hashes)
        while len(hashes):
            is_empty = self._keys[slots] == 0
            self._keys[slots[is_empty]] = hashes[is_empty]  # of several for one slot, the last one
            is_here = self._keys[slots] == hashes
            self._numbers[slots[is_here]] = numbers[is_here]
            hashes, numbers = hashes[~is_here], numbers[~is_here]
            slots = (slots[~is_here] + 1) & (len(self._keys) - 1)

    def _slots(self, hashes: Hashes) -> NDArray[np.int64]:
        return ((hashes * SPREAD) >> self._shift).astype(np.int64)

    def _resize(self, bits: int) -> None:
        self._keys, self._numbers = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.uint32)
        self._shift = np.uint64(64 - bits)


def word_counts(parts: Iterable[bytes]) -> Iterator[tuple[str, int]]:
    """The words of a text, with the space before them, and how often they occur; of very many, some come again.

    parts: of the text in UTF-8; each but the first begins with a space.
    """
    found = CountedWords()
    for part in parts:
        first, space, rest = part.partition(b" ")
        if first:
            yield first.decode("utf-8", "surrogatepass"), 1
        if not space:
            continue
        found.add(rest)
        if len(found) > MOST_REMEMBERED:
            yield from found.counts()
            found = CountedWords()
    yield from found.counts()


class CountedWords:
    """Counts the words between the spaces of many texts in UTF-8."""

    def __init__(self) -> None:
        self._numbers, self._words, self._counts = WordNumbers(), list[bytes](), np.zeros(0, np.int64)
        self._found, self._size = list[NDArray[np.int64]](), 0  # numbers of words that are not counted yet

    def __len__(self) -> int:
        """The number of different words."""
        return len(self._words)

    def add(self, content: bytes) -> None:
        """Count the words of a text."""
        found, new = self._numbers(content)
        self._words += new
        self._found.append(found)
        self._size += len(found)
        if self._size > TOGETHER:
            self._count()

    def counts(self) -> Iterator[tuple[str, int]]:
        """The words, with the space before them, and how often they occur."""
        self._count()
        for word, count in zip(self._words, self._counts.tolist(), strict=True):
            yield f" {word.decode('utf-8', 'surrogatepass')}", count

    def _count(self) -> None:
        before = np.append(self._counts, np.zeros(len(self._words) - len(self._counts), np.int64))
        found = np.concatenate([np.zeros(0, np.int64), *self._found])
        self._counts = before + np.bincount(found, minlength=len(before))
        self._found, self._size = [], 0


def _hashes(window: bytes, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Hashes:
    """The hashes of words, none of them 0."""
    padded = window + bytes(WORD)
    words = np.ndarray((len(window) + 1,), "<u8", padded, 0, (1,))  # the bytes from each place on
    found: Hashes = sizes.astype(np.uint64) * FACTOR
    _mix(found, words[starts] & ENDS.take(sizes, mode="clip"))
    left = np.flatnonzero(sizes > WORD)
    if len(left) and int(sizes[left].max()) > LONG:
        is_long = sizes[left] > LONG
        found[left[is_long]] = _sums(window, starts[left[is_long]], sizes[left[is_long]])
        left = left[~is_long]
    places, sizes = starts[left], sizes[left]
    while len(left):
        places, sizes = places + WORD, sizes - WORD
        more = found[left]
        _mix(more, words[places] & ENDS.take(sizes, mode="clip"))
        found[left] = more
        rest = np.flatnonzero(sizes > WORD)
        left, places, sizes = left[rest], places[rest], sizes[rest]
    found[found == 0] = 1
    return found


def _mix(hashes: Hashes, words: Hashes) -> None:
    """Add eight bytes each to hashes."""
    hashes ^= words
    hashes *= FACTOR
    hashes ^= hashes >> SHIFT


def _sums(window: bytes, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Hashes:
    """The hashes of long words: the sum of a word's bytes, each times a power of BASE."""
    powers, inverses = _powers(WINDOW + 1)
    sums = np.zeros(len(window) + 1, np.uint64)
    terms = np.frombuffer(window, np.uint8).astype(np.uint64)
    terms += np.uint64(1)
    terms *= powers[: len(window)]
    np.cumsum(terms, out=sums[1:])
    found: Hashes = (sums[starts + sizes] - sums[starts]) * inverses[starts]
    return found


@lru_cache(maxsize=2)
def _powers(size: int) -> tuple[Hashes, Hashes]:
    """The powers of BASE and of its inverse, modulo 2 ** 64."""
    found = [
        np.cumprod(np.append(np.ones(1, np.uint64), np.full(size - 1, base, np.uint64)), dtype=np.uint64)
        for base in (BASE, pow(BASE, -1, 1 << 64))
    ]
    return found[0], found[1]
