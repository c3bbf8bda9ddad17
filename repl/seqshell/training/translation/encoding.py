"""Sentence pairs as ids, without those that are too long or unreadable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.batches import Ids, RowBatches, group
from seqshell.training.data.encoding_workers import encoded_rows
from seqshell.training.data.large_text import Report, unheard
from seqshell.training.data.late_encoding import LateTokens, Rates, estimated
from seqshell.training.data.small_integers import rows_where
from seqshell.training.data.token_rows import NewRows, TokenRows
from seqshell.training.translation.data import Pairs

LONGEST_VALIDATION = 1000  # tokens; longer validation sentences are left out


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as ids without specials. texts: the same pairs as text."""

    texts: Pairs
    sources: Sequence[Ids]
    targets: Sequence[Ids]

    def first(self, number: int) -> EncodedPairs:
        """The first pairs."""
        rows = range(min(number, len(self.sources)))
        return EncodedPairs(self.texts.at(rows), *self.ids(np.arange(len(rows))))

    def ids(self, rows: NDArray[Any]) -> tuple[Sequence[Ids], Sequence[Ids]]:
        """The ids of some pairs."""
        sources, targets = ([side[row] for row in rows.tolist()] for side in (self.sources, self.targets))
        return sources, targets

    def left_out(self, number: int) -> str:
        """How many of so many pairs are left out, in words; "" for none."""
        return f"{number - len(self.texts):,}" if number > len(self.texts) else ""

    def group(self, sentences: int, tokens: int, draws: np.random.Generator) -> RowBatches:
        """Batches of similar length, as `group` makes them."""
        return group(self.sources, self.targets, sentences=sentences, tokens=tokens, draws=draws)


@dataclass(frozen=True)
class LatePairs:
    """Pairs that are encoded when a batch asks for them. longest: tokens of a side; other pairs are left out."""

    texts: Pairs
    sources: LateTokens
    targets: LateTokens
    longest: int
    rates: Rates

    def first(self, number: int) -> EncodedPairs:
        """The first pairs that are not left out."""
        rows, start = list[int](), 0
        while len(rows) < number and start < len(self.texts):
            some = np.arange(start, min(start + number, len(self.texts)))
            rows += some[self._kept(*self._encoded(some))].tolist()
            start += number
        rows = rows[:number]
        return EncodedPairs(self.texts.at(rows), *self.ids(np.array(rows, np.int64)))

    def ids(self, rows: NDArray[Any]) -> tuple[Sequence[Ids], Sequence[Ids]]:
        """The ids of some pairs, without those that are left out."""
        sources, targets = self._encoded(rows)
        kept = self._kept(sources, targets).tolist()
        return [sources[row] for row in kept], [targets[row] for row in kept]

    def left_out(self, number: int) -> str:
        """How many of so many pairs are left out, in words; "" for none."""
        return self.rates.left_out_of(number)

    def group(self, sentences: int, tokens: int, draws: np.random.Generator) -> RowBatches:
        """Batches of pairs of similar length in bytes. tokens: of a batch, at most about."""
        lengths, size = (self.sources.lengths, self.targets.lengths), self.rates.bytes_of(tokens)
        return group(*lengths, sentences=sentences, tokens=size, draws=draws)

    def _encoded(self, rows: NDArray[Any]) -> tuple[list[list[int]], list[list[int]]]:
        return self.sources.at(rows), self.targets.at(rows)

    def _kept(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> NDArray[np.int64]:
        """The places of pairs that are not left out."""
        sizes = np.array([list(map(len, side)) for side in (sources, targets)], np.int64)
        return np.flatnonzero(kept_pairs(sizes[0], sizes[1], self.longest))


def kept_pairs(sizes: NDArray[np.int64], target_sizes: NDArray[np.int64], longest: int) -> NDArray[np.bool_]:
    """Which pairs have 1 to `longest` tokens on both sides."""
    return (np.minimum(sizes, target_sizes) > 0) & (np.maximum(sizes, target_sizes) <= longest)


def encode_pairs(pairs: Pairs, source_tokenizer: Tokenizer, tokenizer: Tokenizer, longest: int) -> EncodedPairs:
    """Encode the pairs with 1 to `longest` tokens on both sides; others are left out."""
    sources, targets = map(NewRows.of_ids, (source_tokenizer, tokenizer))
    kept = encode_into(sources, targets, pairs, source_tokenizer, tokenizer, longest)
    return EncodedPairs(pairs.at(kept), TokenRows(*sources.arrays()), TokenRows(*targets.arrays()))


def encode_into(
    sources: NewRows,
    targets: NewRows,
    pairs: Pairs,
    source_tokenizer: Tokenizer,
    tokenizer: Tokenizer,
    longest: int,
    report: Report = unheard,
    keeps_rows: bool = False,
) -> NDArray[Any]:
    """Add the ids of pairs to rows, as `encode_pairs` does; returns the numbers of those that are not left out.

    keeps_rows: whether a pair that is left out has a row without ids, as it is encoded beside a training.
    """
    kept, first = [rows_where(np.zeros(len(pairs), bool))], 0
    sides = (source_tokenizer, pairs.sources), (tokenizer, pairs.targets)
    encoded = (encoded_rows(*side, sides=3 if keeps_rows else 2) for side in sides)
    for (ids, sizes), (target_ids, target_sizes) in zip(*encoded, strict=True):
        chosen = kept_pairs(sizes, target_sizes, longest)
        for rows, values, lengths in ((sources, ids, sizes), (targets, target_ids, target_sizes)):
            rows.extend(values[np.repeat(chosen, lengths)], lengths * chosen if keeps_rows else lengths[chosen])
        kept.append((first + np.flatnonzero(chosen)).astype(kept[0].dtype))
        first += len(chosen)
        report(first, len(pairs))
    return np.concatenate(kept)


def rates_of(pairs: Pairs, source_tokenizer: Tokenizer, tokenizer: Tokenizer, longest: int) -> Rates:
    """What some of the pairs of large files show."""
    some = pairs.at(estimated(len(pairs)))
    kept = encode_pairs(some, source_tokenizer, tokenizer, longest)
    return Rates.of(kept.texts.targets, kept.targets, len(some))
