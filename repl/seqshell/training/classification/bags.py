"""Bags of n-grams of texts: of characters (2 to 4, text boundaries included) or of words (1 and 2)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
ORDERS = {"characters": (2, 4), "words": (1, 2)}  # shortest and longest n-grams
LEAST = {"characters": 1, "words": 2}  # training texts that must contain an n-gram for it to be used
WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class Bags:
    """The n-grams of R texts: row r has the distinct ids[starts[r] : starts[r + 1]], with their counts.

    ids, counts: [N]; starts: [R + 1]. num: number of different n-grams. unit: characters or words.
    """

    ids: Ints
    counts: Ints
    starts: Ints
    num: int
    unit: str

    def at(self, rows: Ints) -> Bags:
        """The bags of these rows."""
        sizes = self.starts[rows + 1] - self.starts[rows]
        starts = np.concatenate(([0], np.cumsum(sizes)))
        places = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes) + np.repeat(self.starts[rows], sizes)
        return Bags(self.ids[places], self.counts[places], starts, self.num, self.unit)

    def only(self, kept: NDArray[np.bool_]) -> Bags:
        """The bags with only the n-grams where kept [num] is True, renumbered."""
        stays = kept[self.ids]
        before = np.concatenate(([0], np.cumsum(stays)))
        new = np.cumsum(kept) - 1
        return Bags(new[self.ids[stays]], self.counts[stays], before[self.starts], int(kept.sum()), self.unit)

    @property
    def rows(self) -> Ints:
        """[N]: the row of each n-gram."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def make_bags(texts: Sequence[str], unit: str) -> Bags:
    """The n-grams of texts; words are lowercased."""
    known: dict[str, int] = {}
    # Ids start at 2: 1 is the boundary at both ends of a text, and 0 is unused so that keys of different orders differ.
    parts = [[known.setdefault(part, len(known) + 2) for part in _parts(text, unit)] for text in texts]
    lengths = np.array([len(row) + 2 for row in parts])
    line = np.concatenate([np.array([1, *row, 1], np.int64) for row in parts])
    owner = np.repeat(np.arange(len(texts)), lengths)
    base = len(known) + 2
    shortest, longest = ORDERS[unit]
    longest = min(longest, int(62 / math.log2(base)))  # an n-gram must fit into 64 bits
    keys, rows = [], []
    for order in range(shortest, longest + 1):
        ends = len(line) - order + 1
        key = np.zeros(max(0, ends), np.int64)
        for place in range(order):
            key = key * base + line[place : place + ends]
        inside = owner[: len(key)] == owner[order - 1 :]
        if order == 1:
            inside &= line > 1
        keys.append(key[inside])
        rows.append(owner[: len(key)][inside])
    return collect(np.concatenate(rows), np.concatenate(keys), len(texts), unit)[1]


def collect(rows: Ints, keys: Ints, num_rows: int, unit: str) -> tuple[Ints, Bags]:
    """The different keys [F], and the bags of n-grams given by their rows and keys [N], in any order."""
    different, ids = np.unique(keys, return_inverse=True)
    cells, counts = np.unique(rows * len(different) + ids, return_counts=True)
    starts = np.searchsorted(cells, np.arange(num_rows + 1) * len(different))
    return different, Bags(cells % len(different), counts, starts, len(different), unit)


def frequent(bags: Bags, most: int) -> NDArray[np.bool_]:
    """[num]: True for n-grams in at least LEAST texts, the `most` most frequent ones if there are more."""
    texts = np.bincount(bags.ids, minlength=bags.num)
    kept = texts >= LEAST[bags.unit]
    if kept.sum() > most:
        kept[np.argsort(-texts, kind="stable")[most:]] = False
    return kept


def _parts(text: str, unit: str) -> Iterable[str]:
    return text if unit == "characters" else WORD.findall(text.lower())
