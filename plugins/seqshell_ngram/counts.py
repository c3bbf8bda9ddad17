"""Counted n-grams: how often each run of 1 to n tokens stands in a text, in numpy. What the counts mean for probabilities is in smoothing.

The n-grams of one length are kept sorted, so that those which begin alike stand together: each is known by its place among the ones that
are shorter by a token, its parent, and by its last token. A whole n-gram then costs three small whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Grams:
    """The n-grams of one length, [G] each. counts: how often each stands in the text. parents: the place of each without its last token,
    among those that are shorter by one; 0 at length 1. followers: how many that are longer by one token begin with it."""

    tokens: Ints
    counts: Ints
    parents: Ints
    followers: Ints

    @property
    def size(self) -> int:
        return int(self.tokens.size)


def count_grams(ids: Ints, order: int, vocab_size: int) -> tuple[Grams, ...]:
    """The n-grams of a text, ids [N], of the lengths 1 to `order`."""
    tables = []
    places = np.zeros(
        ids.size + 1, np.int64
    )  # of the run of `length` tokens that begins at each token, in the table of that length
    sizes = 1  # of that table
    for length in range(1, order + 1):
        keys = places[: max(0, ids.size - length + 1)] * vocab_size + ids[length - 1 :]
        different, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
        parents, tokens = np.divmod(different, vocab_size)
        tables.append((tokens, counts.astype(np.int64), parents, np.bincount(parents, minlength=sizes)))
        sizes = different.size
    followers = [table[3] for table in tables[1:]] + [np.zeros(sizes, np.int64)]
    return tuple(Grams(*table[:3], follows) for table, follows in zip(tables, followers, strict=True))


def to_weights(tables: Sequence[Grams]) -> dict[str, NDArray[Any]]:
    """The tensors of a checkpoint, each of the smallest kind of whole number that holds it."""
    weights: dict[str, NDArray[Any]] = {}
    for length, grams in enumerate(tables, 1):
        weights |= {f"grams.{length}.tokens": narrow(grams.tokens), f"grams.{length}.counts": narrow(grams.counts)}
        if length < len(tables):
            weights[f"grams.{length}.followers"] = narrow(grams.followers)
    return weights


def from_weights(weights: Mapping[str, NDArray[Any]], order: int, vocab_size: int) -> tuple[Grams, ...]:
    """The n-grams of a checkpoint. CheckpointError for tensors that cannot be counts."""
    tables: list[Grams] = []
    parents = np.zeros(_vector(weights, "grams.1.tokens").size, np.int64)
    for length in range(1, order + 1):
        tokens, counts = (_vector(weights, f"grams.{length}.{part}") for part in ("tokens", "counts"))
        followers = _vector(weights, f"grams.{length}.followers") if length < order else np.zeros(tokens.size, np.int64)
        if not tokens.size == counts.size == followers.size == parents.size:
            raise CheckpointError(
                f"the counts of {length}-grams do not fit together: {tokens.size}, {counts.size}, {followers.size}, {parents.size}"
            )
        keys = parents * vocab_size + tokens
        if ((tokens < 0) | (tokens >= vocab_size) | (counts < 1) | (followers < 0)).any() or (np.diff(keys) <= 0).any():
            raise CheckpointError(f"the {length}-grams are not sorted, or hold tokens or counts that cannot be")
        tables.append(Grams(tokens, counts, parents, followers))
        if length < order:
            longer = _vector(weights, f"grams.{length + 1}.tokens").size
            if followers.sum() != longer or (followers > vocab_size).any():
                raise CheckpointError(
                    f"the {length}-grams have {followers.sum()} followers, and there are {longer} {length + 1}-grams"
                )
            parents = np.repeat(np.arange(followers.size), followers)
    return tuple(tables)


def narrow(values: Ints) -> NDArray[Any]:
    """The same numbers as the smallest kind of whole number that torch has too."""
    largest = int(values.max(initial=0))
    return values.astype(
        next(kind for kind in (np.uint8, np.int16, np.int32, np.int64) if largest <= np.iinfo(kind).max)
    )


def _vector(weights: Mapping[str, NDArray[Any]], name: str) -> Ints:
    if name not in weights:
        raise CheckpointError(f"the checkpoint lacks the tensor {name}")
    values = weights[name]
    if (
        values.ndim != 1
        or not np.issubdtype(values.dtype, np.integer)
        or (values.dtype == np.uint64 and (values > 2**62).any())
    ):
        raise CheckpointError(
            f"the tensor {name} must be whole numbers in a row, not {list(values.shape)} of {values.dtype}"
        )
    return values.astype(np.int64)
