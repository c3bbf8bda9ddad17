"""Batches of sentence pairs, and of texts: of like length together, so that little is padding, and in an order of their own in every epoch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import BOS, EOS, PAD

Ids = Sequence[int]
POOL = 16  # batches of texts that are sorted by length together
VARIANTS = 8  # ways to split a word, from which each of its places in an epoch gets one


def group(
    sources: Sequence[Ids], targets: Sequence[Ids], *, sentences: int, tokens: int, draws: np.random.Generator
) -> list[NDArray[np.int64]]:
    """The numbers of the pairs, as batches in random order. Pairs of equal lengths come together by chance.

    tokens: how many a batch may have in its targets, EOS and padding counted; 0: `sentences` pairs make a batch.
    """
    order = draws.permutation(len(sources))
    lengths = np.array([(len(targets[number]), len(sources[number])) for number in order]).reshape(-1, 2)
    order = order[np.lexsort((lengths[:, 1], lengths[:, 0]))]
    batches, start = [], 0
    for place, number in enumerate(order):
        full = (place - start + 1) * (len(targets[number]) + 1) > tokens if tokens else place - start >= sentences
        if full and place > start:
            batches.append(order[start:place])
            start = place
    batches.append(order[start:])
    return [batches[number] for number in draws.permutation(len(batches))]


def group_by_length(
    lengths: Sequence[int], *, rows: int, tokens: int, draws: np.random.Generator
) -> list[NDArray[np.int64]]:
    """The numbers of texts, as batches in random order. Texts of like length come together, but only of so many as were drawn for a few batches:
    a length often goes with a label, and batches should not.

    tokens: how many a batch may have, padding counted; 0: `rows` texts make a batch.
    """
    order = draws.permutation(len(lengths))
    sizes = np.asarray(lengths)[order]
    batches: list[NDArray[np.int64]] = []
    pool = POOL * (max(1, tokens // max(1, round(float(sizes.mean())))) if tokens else rows)
    for first in range(0, len(order), pool):
        some = order[first : first + pool][np.argsort(sizes[first : first + pool], kind="stable")]
        start = 0
        for place, number in enumerate(some):
            full = (place - start + 1) * lengths[number] > tokens if tokens else place - start >= rows
            if full and place > start:
                batches.append(some[start:place])
                start = place
        batches.append(some[start:])
    return [batches[number] for number in draws.permutation(len(batches))]


def pad(rows: Sequence[Ids]) -> NDArray[np.int64]:
    """[B, T] int64, shorter rows padded right with PAD."""
    padded = np.full((len(rows), max(map(len, rows))), PAD, np.int64)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded


def pair_arrays(sources: Sequence[Ids], targets: Sequence[Ids]) -> tuple[NDArray[np.int64], ...]:
    """source [B, S] ending with EOS, lengths [B], inputs [B, T] from BOS on, targets [B, T] ending with EOS, of ids without specials."""
    source = [[*ids, EOS] for ids in sources]
    lengths = np.array([len(ids) for ids in source], np.int64)
    return pad(source), lengths, pad([[BOS, *ids] for ids in targets]), pad([[*ids, EOS] for ids in targets])


class Resplit:
    """Sentences encoded with BPE-dropout, anew whenever asked: words are kept, and for each a few ways to split it.

    tokenizer: one that has `split` and `encode_word`, as BPETokenizer has. The same seed gives the same ways.
    """

    def __init__(self, tokenizer: Any, texts: Sequence[str], dropout: float, seed: int) -> None:
        draws = random.Random(seed)
        known: dict[str, int] = {}
        self._sentences = [[known.setdefault(word, len(known)) for word in tokenizer.split(text)] for text in texts]
        self._ways = [[tokenizer.encode_word(word, dropout, draws) for _ in range(VARIANTS)] for word in known]

    def sentences(self, draws: np.random.Generator) -> Iterator[list[int]]:
        """The ids of every sentence, each word split in one of its ways."""
        ways = self._ways
        for words in self._sentences:
            chosen = draws.integers(VARIANTS, size=len(words)).tolist()
            yield [token for word, way in zip(words, chosen, strict=True) for token in ways[word][way]]
