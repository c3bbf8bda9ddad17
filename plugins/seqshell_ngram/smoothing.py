"""From counts to probabilities: Witten-Bell and interpolated Kneser-Ney, brought into one form.

    P(w | h) = share(h w) + rest(h) P(w | h without its first token),  down to P(w | nothing) = share(w) + rest / V

The shares of what followed h, and what it leaves to shorter contexts, sum to 1, and so do the probabilities.
Witten & Bell 1991 (https://doi.org/10.1109/18.87000, method C); Kneser & Ney 1995; Chen & Goodman 1998
(https://www.cs.cmu.edu/~roni/papers/chen-goodman-1998.pdf, section 3 and equation 26), as interpolated models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError
from seqshell_ngram.counts import Grams, Ints

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """The n-grams of one length [G], as followers of their context and as contexts themselves.

    keys: parent * V + last token, sorted. shares: of the last token after the others. starts: [G + 1], where the followers of each begin
    among those that are longer by one. rest: what each leaves to its suffix, the n-gram without its first token, whose place is in suffixes.
    """

    keys: Ints
    tokens: Ints
    shares: Floats
    starts: Ints
    rest: Floats
    suffixes: Ints

    def find(self, parent: int, token: int, vocab_size: int) -> int:
        """The place of a parent's follower; -1 when the text never went on so."""
        key = parent * vocab_size + token
        place = int(self.keys.searchsorted(key))
        return place if place < self.keys.size and self.keys[place] == key else -1


@dataclass(frozen=True)
class Interpolated:
    """levels: of the lengths 1 to n. unigrams: [V], P(w | nothing)."""

    unigrams: Floats
    levels: tuple[Level, ...]


def interpolate(tables: Sequence[Grams], vocab_size: int, smoothing: str) -> Interpolated:
    """The probabilities that counts of the lengths 1 to n stand for. CheckpointError for n-grams whose parts are missing."""
    suffixes = _suffixes(tables, vocab_size)
    root = np.ones(1)
    rests = [np.ones(grams.size) for grams in tables]  # of contexts that nothing followed, all is left
    shares = []
    for index, grams in enumerate(tables):
        counts = grams.counts
        if smoothing != "witten_bell" and index + 1 < len(tables):
            # How many different tokens stand before it; what stands only at the beginning of the text counts as one.
            counts = np.maximum(1, np.bincount(suffixes[index + 1], minlength=grams.size))
        rest = rests[index - 1] if index else root
        share, rest[:] = _shares(counts, grams.parents, rest.size, smoothing)
        shares.append(share)
    unigrams = np.full(vocab_size, root[0] / vocab_size)
    unigrams[tables[0].tokens] += shares[0]
    levels = [
        Level(
            keys=grams.parents * vocab_size + grams.tokens,
            tokens=grams.tokens,
            shares=share.astype(np.float32),
            starts=np.concatenate([np.zeros(1, np.int64), np.cumsum(grams.followers)]),
            rest=rest.astype(np.float32),
            suffixes=suffix,
        )
        for grams, share, rest, suffix in zip(tables, shares, rests, suffixes, strict=True)
    ]
    return Interpolated(unigrams.astype(np.float32), tuple(levels))


def discounts(counts: NDArray[Any], smoothing: str) -> NDArray[np.float64]:
    """[4]: what is taken from counts of 0, 1, 2, and 3 or more (Chen & Goodman 1998). Half where a text is too small to tell."""
    found = np.bincount(np.minimum(counts, 5), minlength=5).astype(float)
    once, twice = found[1:3]
    if not once or not twice:
        return np.array([0.0, 0.5, 0.5, 0.5])
    share = once / (once + 2 * twice)
    if smoothing == "kneser_ney" or not found[3] or not found[4]:
        return np.array([0.0, share, share, share])
    wanted = [0.0, *(number - (number + 1) * share * found[number + 1] / found[number] for number in (1, 2, 3))]
    # Of odd counts of counts, they would be no discounts.
    return np.array([0.0, *(min(max(value, 0.1), number) for number, value in enumerate(wanted[1:], 1))])


def _shares(
    counts: Ints, parents: Ints, num_parents: int, smoothing: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of each n-gram after its parent, and what each parent leaves."""
    totals = np.bincount(parents, counts, num_parents)
    types = np.bincount(parents, minlength=num_parents)
    if smoothing == "witten_bell":
        rest = np.divide(types, totals + types, out=np.ones(num_parents), where=types > 0)
        return counts / (totals + types)[parents], rest
    taken = discounts(counts, smoothing)[np.minimum(counts, 3)]
    rest = np.divide(np.bincount(parents, taken, num_parents), totals, out=np.ones(num_parents), where=types > 0)
    return (counts - taken) / totals[parents], rest


def _suffixes(tables: Sequence[Grams], vocab_size: int) -> list[Ints]:
    """For each length, the places of the n-grams without their first token among those that are shorter by one."""
    found = [np.zeros(tables[0].size, np.int64)]
    for shorter, grams in pairwise(tables):
        keys = shorter.parents * vocab_size + shorter.tokens
        # The suffix of a parent stands one length lower; at length 2 that is nothing, whose followers are all the tokens there are.
        wanted = found[-1][grams.parents] * vocab_size + grams.tokens
        places = keys.searchsorted(wanted)
        if (places >= keys.size).any() or (keys[places] != wanted).any():
            raise CheckpointError("an n-gram is counted whose last tokens are not")
        found.append(places)
    return found
