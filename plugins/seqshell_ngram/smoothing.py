"""Probabilities from n-gram counts: Witten-Bell and interpolated Kneser-Ney smoothing, in one form.

    P(w | h) = share(h w) + backoff(h) P(w | h'),   h' = h without its first token
    P(w)     = share(w) + backoff / V

Counting alone gives unseen n-grams no probability. Smoothing takes some away from the seen ones and gives it to the
shorter context h', in the proportion backoff(h). For every h, the shares of all w and backoff(h) sum to 1; by
induction so do the probabilities. With c(h w) occurrences, c(h) their sum and t(h) the number of different w:

    Witten-Bell        share = c(h w) / (c(h) + t(h))      backoff = t(h) / (c(h) + t(h))
    Kneser-Ney         share = (c(h w) - D) / c(h)         backoff = (sum of all D) / c(h)

D is a discount, one per length or (modified) one each for counts of 1, 2, and 3 or more. For n-grams shorter than the
longest, Kneser-Ney's c is the number of different tokens that precede the n-gram, not its number of occurrences.

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
from seqshell_ngram.counts import GramCounts, Ints

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """The n-grams of one length, both as followers of a context and as contexts. Arrays are [G] except for starts.

    keys: parent * V + last token, sorted; tokens: the last token; shares: share(h w), where h w is the n-gram;
    starts: [G + 1], the followers of n-gram g are starts[g] to starts[g + 1] in the next longer level;
    backoff: backoff(h), where h is the n-gram; suffixes: the index of h' in the next shorter level.
    """

    keys: Ints
    tokens: Ints
    shares: Floats
    starts: Ints
    backoff: Floats
    suffixes: Ints

    def find(self, parent: int, token: int, vocab_size: int) -> int:
        """The index of the n-gram with this parent and last token; -1 if it does not occur in the text."""
        key = parent * vocab_size + token
        index = int(self.keys.searchsorted(key))
        return index if index < self.keys.size and self.keys[index] == key else -1


@dataclass(frozen=True)
class NGramProbabilities:
    """unigrams: [V], P(w). levels: for the lengths 1 to n."""

    unigrams: Floats
    levels: tuple[Level, ...]


def interpolate(tables: Sequence[GramCounts], vocab_size: int, smoothing: str) -> NGramProbabilities:
    """Compute the probabilities from the counts of n-grams of length 1 to n.

    Raises CheckpointError if an n-gram is counted but its suffix is not.
    """
    suffixes = _suffixes(tables, vocab_size)
    root = np.ones(1)  # backoff of the empty context
    backoffs = [np.ones(grams.size) for grams in tables]  # 1 for contexts without followers
    shares = []
    for index, grams in enumerate(tables):
        counts = grams.counts
        if smoothing != "witten_bell" and index + 1 < len(tables):
            # The number of different tokens before the n-gram; 1 if it occurs only at the beginning of the text.
            counts = np.maximum(1, np.bincount(suffixes[index + 1], minlength=grams.size))
        backoff = backoffs[index - 1] if index else root
        share, backoff[:] = _shares(counts, grams.parents, backoff.size, smoothing)
        shares.append(share)
    unigrams = np.full(vocab_size, root[0] / vocab_size)
    unigrams[tables[0].tokens] += shares[0]
    levels = [
        Level(
            keys=grams.parents * vocab_size + grams.tokens,
            tokens=grams.tokens,
            shares=share.astype(np.float32),
            starts=np.concatenate([np.zeros(1, np.int64), np.cumsum(grams.followers)]),
            backoff=backoff.astype(np.float32),
            suffixes=suffix,
        )
        for grams, share, backoff, suffix in zip(tables, shares, backoffs, suffixes, strict=True)
    ]
    return NGramProbabilities(unigrams.astype(np.float32), tuple(levels))


def discounts(counts: NDArray[Any], smoothing: str) -> NDArray[np.float64]:
    """The discounts [4] of counts of 0, 1, 2, and 3 or more (Chen & Goodman 1998, equation 26).

    With n_k n-grams that are counted k times, D = n_1 / (n_1 + 2 n_2); modified: D_k = k - (k + 1) D n_(k+1) / n_k.
    A text too small to estimate D gets 0.5.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=5).astype(float)
    if not n[1] or not n[2]:
        return np.array([0.0, 0.5, 0.5, 0.5])
    discount = n[1] / (n[1] + 2 * n[2])
    if smoothing == "kneser_ney" or not n[3] or not n[4]:
        return np.array([0.0, discount, discount, discount])
    modified = (k - (k + 1) * discount * n[k + 1] / n[k] for k in (1, 2, 3))
    # Unusual texts would give discounts below 0 or above the count.
    return np.array([0.0, *(min(max(value, 0.1), k) for k, value in enumerate(modified, 1))])


def _shares(
    counts: Ints, parents: Ints, num_parents: int, smoothing: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of each n-gram [G], and the backoff of each parent [num_parents]."""
    totals = np.bincount(parents, counts, num_parents)  # c(h)
    types = np.bincount(parents, minlength=num_parents)  # t(h)
    if smoothing == "witten_bell":
        backoff = np.divide(types, totals + types, out=np.ones(num_parents), where=types > 0)
        return counts / (totals + types)[parents], backoff
    discounted = discounts(counts, smoothing)[np.minimum(counts, 3)]
    sums = np.bincount(parents, discounted, num_parents)
    backoff = np.divide(sums, totals, out=np.ones(num_parents), where=types > 0)
    return (counts - discounted) / totals[parents], backoff


def _suffixes(tables: Sequence[GramCounts], vocab_size: int) -> list[Ints]:
    """For each length, the index of each n-gram without its first token, in the table of the next shorter length."""
    suffixes = [np.zeros(tables[0].size, np.int64)]
    for shorter, grams in pairwise(tables):
        keys = shorter.parents * vocab_size + shorter.tokens
        # The parent of the suffix is the suffix of the parent, which the previous round has found.
        suffix_keys = suffixes[-1][grams.parents] * vocab_size + grams.tokens
        indices = keys.searchsorted(suffix_keys)
        if (indices >= keys.size).any() or (keys[indices] != suffix_keys).any():
            raise CheckpointError("an n-gram is counted, but the same n-gram without its first token is not")
        suffixes.append(indices)
    return suffixes
