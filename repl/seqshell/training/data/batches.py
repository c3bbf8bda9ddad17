"""Batches of sentences of similar length, which need little padding, in a new order each epoch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import BOS, EOS, PAD
from seqshell.training.data.token_rows import lengths_of

Ids = Sequence[int]
POOL = 16  # batches of texts that are sorted by length together
VARIANTS = 8  # random splits per word, one of which is used for each occurrence


def group(
    sources: Sequence[Ids], targets: Sequence[Ids], *, sentences: int, tokens: int, draws: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Group pairs of similar length: the row numbers of each batch, batches in random order.

    tokens: limit for the target tokens of a batch, EOS and padding included; 0: a batch is `sentences` pairs.
    """
    order = draws.permutation(len(sources))
    lengths, source_lengths = lengths_of(targets), lengths_of(sources)
    order = order[np.lexsort((source_lengths[order], lengths[order]))]
    batches, start = [], 0
    for end, length in enumerate(lengths[order].tolist()):
        full = (end - start + 1) * (length + 1) > tokens if tokens else end - start >= sentences
        if full and end > start:
            batches.append(order[start:end])
            start = end
    batches.append(order[start:])
    return [batches[number] for number in draws.permutation(len(batches))]


def group_by_length(
    lengths: Sequence[int] | NDArray[Any], *, rows: int, tokens: int, draws: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Group texts of similar length: the row numbers of each batch, batches in random order.

    Sorts by length only within pools of POOL random batches: lengths often depend on labels, and batches should mix
    labels.
    tokens: limit for the tokens of a batch, padding included; 0: a batch is `rows` texts.
    """
    order = draws.permutation(len(lengths))
    sizes = np.asarray(lengths, np.int32)[order]
    batches: list[NDArray[np.int64]] = []
    pool = POOL * (max(1, tokens // max(1, round(float(sizes.mean())))) if tokens else rows)
    for first in range(0, len(order), pool):
        by_length = np.argsort(sizes[first : first + pool], kind="stable")
        pool_rows, start = order[first : first + pool][by_length], 0
        for end, length in enumerate(sizes[first : first + pool][by_length].tolist()):
            full = (end - start + 1) * length > tokens if tokens else end - start >= rows
            if full and end > start:
                batches.append(pool_rows[start:end])
                start = end
        batches.append(pool_rows[start:])
    return [batches[number] for number in draws.permutation(len(batches))]


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
