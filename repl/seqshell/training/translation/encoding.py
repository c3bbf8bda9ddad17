"""Sentence pairs as ids, without those that are too long or unreadable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.batches import Ids
from seqshell.training.data.encoding_workers import encoded_rows
from seqshell.training.data.large_text import Report, unheard
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

    def at(self, rows: range) -> EncodedPairs:
        """Some of the pairs."""
        sources, targets = ([side[row] for row in rows] for side in (self.sources, self.targets))
        return EncodedPairs(self.texts.at(rows), sources, targets)


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
) -> NDArray[Any]:
    """Add the ids of pairs to rows, as `encode_pairs` does; returns the numbers of those that are not left out."""
    kept, first = [rows_where(np.zeros(len(pairs), bool))], 0
    sides = (source_tokenizer, pairs.sources), (tokenizer, pairs.targets)
    encoded = (encoded_rows(*side, sides=2) for side in sides)
    for (ids, sizes), (target_ids, target_sizes) in zip(*encoded, strict=True):
        chosen = (np.minimum(sizes, target_sizes) > 0) & (np.maximum(sizes, target_sizes) <= longest)
        for rows, values, lengths in ((sources, ids, sizes), (targets, target_ids, target_sizes)):
            rows.extend(values[np.repeat(chosen, lengths)], lengths[chosen])
        kept.append((first + np.flatnonzero(chosen)).astype(kept[0].dtype))
        first += len(chosen)
        report(first, len(pairs))
    return np.concatenate(kept)
