"""Count the n-grams of a text, in numpy. `smoothing` turns the counts into probabilities.

The n-grams of each length are a sorted table. Every n-gram is stored as its last token and the index of its parent,
the n-gram without its last token, in the table of the next shorter length. N-grams that begin alike are therefore
neighbours: the children of a parent are one slice of the table. Each n-gram costs three small integers.
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
class GramCounts:
    """The n-grams of one length, sorted by parent and token. All arrays are [G].

    tokens: the last token; counts: the number of occurrences in the text; parents: the index of the n-gram without its
    last token, 0 for length 1; followers: the number of n-grams that are longer by one token and begin with it.
    """

    tokens: Ints
    counts: Ints
    parents: Ints
    followers: Ints

    @property
    def size(self) -> int:
        return int(self.tokens.size)


def count_grams(ids: Ints, order: int, vocab_size: int) -> tuple[GramCounts, ...]:
    """Count the n-grams of length 1 to `order` in a text, ids [N]."""
    tables = []
    indices = np.zeros(ids.size + 1, np.int64)  # of the n-gram that begins at each token, in the current table
    num_parents = 1
    for length in range(1, order + 1):
        # The key parent * V + token sorts n-grams by their tokens, first token first.
        keys = indices[: max(0, ids.size - length + 1)] * vocab_size + ids[length - 1 :]
        distinct, indices, counts = np.unique(keys, return_inverse=True, return_counts=True)
        parents, tokens = np.divmod(distinct, vocab_size)
        tables.append((tokens, counts.astype(np.int64), parents, np.bincount(parents, minlength=num_parents)))
        num_parents = distinct.size
    followers = [table[3] for table in tables[1:]] + [np.zeros(num_parents, np.int64)]
    return tuple(GramCounts(*table[:3], numbers) for table, numbers in zip(tables, followers, strict=True))


def to_weights(tables: Sequence[GramCounts]) -> dict[str, NDArray[Any]]:
    """The tensors of a checkpoint, each in the smallest integer type that can hold it."""
    weights: dict[str, NDArray[Any]] = {}
    for length, grams in enumerate(tables, 1):
        weights[f"grams.{length}.tokens"] = narrowed(grams.tokens)
        weights[f"grams.{length}.counts"] = narrowed(grams.counts)
        if length < len(tables):
            weights[f"grams.{length}.followers"] = narrowed(grams.followers)
    return weights


def from_weights(weights: Mapping[str, NDArray[Any]], order: int, vocab_size: int) -> tuple[GramCounts, ...]:
    """The n-grams of a checkpoint. Raises CheckpointError if the tensors are not valid counts."""
    tables: list[GramCounts] = []
    parents = np.zeros(_vector(weights, "grams.1.tokens").size, np.int64)
    for length in range(1, order + 1):
        tokens, counts = (_vector(weights, f"grams.{length}.{part}") for part in ("tokens", "counts"))
        followers = _vector(weights, f"grams.{length}.followers") if length < order else np.zeros(tokens.size, np.int64)
        if not tokens.size == counts.size == followers.size == parents.size:
            raise CheckpointError(
                f"the {length}-grams have {tokens.size} tokens, {counts.size} counts, {followers.size} followers and "
                f"{parents.size} parents; these numbers must be equal"
            )
        keys = parents * vocab_size + tokens
        if ((tokens < 0) | (tokens >= vocab_size) | (counts < 1) | (followers < 0)).any() or (np.diff(keys) <= 0).any():
            raise CheckpointError(f"the {length}-grams are not sorted, or have invalid tokens or counts")
        tables.append(GramCounts(tokens, counts, parents, followers))
        if length < order:
            longer = _vector(weights, f"grams.{length + 1}.tokens").size
            if followers.sum() != longer or (followers > vocab_size).any():
                raise CheckpointError(
                    f"the {length}-grams have {followers.sum()} followers, but there are {longer} {length + 1}-grams"
                )
            parents = np.repeat(np.arange(followers.size), followers)
    return tuple(tables)


def narrowed(values: Ints) -> NDArray[Any]:
    """The same numbers in the smallest integer type that torch has too."""
    largest = int(values.max(initial=0))
    types = (np.uint8, np.int16, np.int32, np.int64)
    return values.astype(next(dtype for dtype in types if largest <= np.iinfo(dtype).max))


def _vector(weights: Mapping[str, NDArray[Any]], name: str) -> Ints:
    if name not in weights:
        raise CheckpointError(f"the checkpoint lacks the tensor {name}")
    values = weights[name]
    is_too_large = values.dtype == np.uint64 and bool((values > 2**62).any())
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer) or is_too_large:
        raise CheckpointError(
            f"the tensor {name} must be a vector of integers, not {list(values.shape)} of {values.dtype}"
        )
    return values.astype(np.int64)
