"""Batches of sentences of similar length, which need little padding, in a new order each epoch."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import BOS, EOS, PAD
from seqshell.training.data.small_integers import shuffled
from seqshell.training.data.token_rows import lengths_of

Ids = Sequence[int]
Made = TypeVar("Made")
POOL = 16  # batches of texts that are sorted by length together
TOGETHER = 1 << 16  # lengths that are read, or rows that are sorted, together
VARIANTS = 8  # random splits per word, one of which is used for each occurrence


class RowBatches(Sequence[NDArray[np.int64]]):
    """The row numbers of each batch.

    order: the rows of all batches. ends: [M + 1], where each begins in it and the last one ends. places: [B], which of
    these batches come, one after the other.
    """

    def __init__(self, order: NDArray[Any], ends: NDArray[Any], places: NDArray[Any]) -> None:
        self._order, self._ends, self._places = order, ends, places

    @overload
    def __getitem__(self, place: int) -> NDArray[np.int64]: ...
    @overload
    def __getitem__(self, place: slice) -> RowBatches: ...
    def __getitem__(self, place: int | slice) -> Any:
        found = self._places[place]
        if isinstance(place, slice):
            return RowBatches(self._order, self._ends, found)
        return self._order[self._ends[found] : self._ends[int(found) + 1]].astype(np.int64)

    def __len__(self) -> int:
        return len(self._places)


class LastEpoch(Generic[Made]):
    """What is drawn for an epoch, such as its batches. It is kept until another epoch is asked for.

    make: called with the draws of an epoch. seed: of all of them.
    """

    def __init__(self, seed: int, make: Callable[[np.random.Generator], Made]) -> None:
        self._seed, self._make, self._kept = seed, make, dict[int, Made]()

    def __call__(self, order: int) -> Made:
        if order not in self._kept:
            self._kept.clear()  # before the other one takes memory
            self._kept[order] = self._make(np.random.default_rng((self._seed, order)))
        return self._kept[order]


def group(
    sources: Sequence[Ids] | NDArray[Any],
    targets: Sequence[Ids] | NDArray[Any],
    *,
    sentences: int,
    tokens: int,
    draws: np.random.Generator,
) -> RowBatches:
    """Group pairs of similar length: the row numbers of each batch, batches in random order.

    sources, targets: ids, or the length of each.
    tokens: limit for the target tokens of a batch, EOS and padding included; 0: a batch is `sentences` pairs.
    """
    order = shuffled(len(sources), draws)
    lengths, source_lengths = lengths_of(targets), lengths_of(sources)
    order = order[np.lexsort((source_lengths[order], lengths[order]))]
    return _in_random_order(order, array("q", _cuts(lengths[order], sentences, tokens, more=1)), draws)


def group_by_length(
    lengths: Sequence[int] | NDArray[Any], *, rows: int, tokens: int, draws: np.random.Generator
) -> RowBatches:
    """Group texts of similar length: the row numbers of each batch, batches in random order.

    Sorts by length only within pools of POOL random batches: lengths often depend on labels, and batches should mix
    labels.
    tokens: limit for the tokens of a batch, padding included; 0: a batch is `rows` texts.
    """
    order = shuffled(len(lengths), draws)
    sizes = np.asarray(lengths)
    pool = POOL * (max(1, tokens // max(1, round(float(sizes.mean())))) if tokens else rows)
    _sort_pools(order, sizes, pool)
    if not tokens:
        return _in_random_order(order, array("q", range(rows, len(order), rows)), draws)
    cuts = array("q")
    for first in range(0, len(order), pool):
        cuts.extend(first + cut for cut in _cuts(sizes[order[first : first + pool]], rows, tokens))
        if first + pool < len(order):
            cuts.append(first + pool)
    return _in_random_order(order, cuts, draws)


def _sort_pools(order: NDArray[Any], sizes: NDArray[Any], pool: int) -> None:
    """Sort each pool of rows by size; rows of the same size stay in their order."""
    together = max(1, TOGETHER // pool) * pool
    for first in range(0, len(order), together):
        some = order[first : first + together]
        whole = len(some) // pool * pool
        for rows in (some[:whole].reshape(-1, pool), some[whole:].reshape(1, -1)):
            rows[:] = np.take_along_axis(rows, np.argsort(sizes[rows], axis=1, kind="stable"), 1)


def _cuts(lengths: NDArray[Any], rows: int, tokens: int, more: int = 0) -> Iterator[int]:
    """Where sorted texts are cut into batches of `rows` texts, or by a number of tokens. more: tokens of each text."""
    if not tokens:
        yield from range(rows, len(lengths), rows)
        return
    start = 0
    for first in range(0, len(lengths), TOGETHER):
        for end, length in enumerate(lengths[first : first + TOGETHER].tolist(), first):
            if end > start and (end - start + 1) * (length + more) > tokens:
                yield end
                start = end


def _in_random_order(order: NDArray[Any], cuts: array[int], draws: np.random.Generator) -> RowBatches:
    """The batches between the cuts of the rows."""
    ends = np.concatenate(([0], np.asarray(cuts, np.int64), [len(order)]))
    return RowBatches(order, ends, shuffled(len(cuts) + 1, draws))


def pad(rows: Sequence[Ids]) -> NDArray[np.int64]:
    """[B, T] int64, shorter rows padded right with PAD."""
    padded = np.full((len(rows), max(map(len, rows))), PAD, np.int64)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded


def part_of(batch: tuple[NDArray[Any], ...], rows: slice, padded: Sequence[int]) -> tuple[NDArray[Any], ...]:
    """Some rows of a batch, with as much padding as they need. padded: which arrays are padded right."""
    part = [array[rows] for array in batch]
    for number in padded:
        used = np.flatnonzero((part[number] != PAD).any(0))
        part[number] = part[number][:, : used[-1] + 1]
    return tuple(map(np.ascontiguousarray, part))


def pair_arrays(sources: Sequence[Ids], targets: Sequence[Ids]) -> tuple[NDArray[np.int64], ...]:
    """Source [B, S] with EOS, lengths [B], inputs [B, T] with BOS and targets [B, T] with EOS, of ids without them."""
    source = [[*ids, EOS] for ids in sources]
    lengths = np.array([len(ids) for ids in source], np.int64)
    return pad(source), lengths, pad([[BOS, *ids] for ids in targets]), pad([[*ids, EOS] for ids in targets])


def splits_words(tokenizer: Any) -> bool:
    """True for a tokenizer that splits words into subwords, such as BPETokenizer."""
    return hasattr(tokenizer, "encode_word")


class Resplit:
    """Encode sentences with BPE-dropout, differently each time, from a few precomputed splits per word.

    tokenizer: one that `splits_words`. The same seed gives the same splits.
    Provilkov et al. 2020, https://arxiv.org/abs/1910.13267.
    """

    def __init__(self, tokenizer: Any, texts: Sequence[str], dropout: float, seed: int) -> None:
        draws = random.Random(seed)
        known: dict[str, int] = {}
        self._sentences = [[known.setdefault(word, len(known)) for word in tokenizer.split(text)] for text in texts]
        self._splits = [[tokenizer.encode_word(word, dropout, draws) for _ in range(VARIANTS)] for word in known]

    def sentences(self, draws: np.random.Generator) -> Iterator[list[int]]:
        """The ids of each sentence, with a random split for each word."""
        splits = self._splits
        for words in self._sentences:
            chosen = draws.integers(VARIANTS, size=len(words)).tolist()
            yield [token for word, number in zip(words, chosen, strict=True) for token in splits[word][number]]
