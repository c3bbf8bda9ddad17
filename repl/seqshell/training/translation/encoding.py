"""Sentence pairs as ids, without those that are too long or unreadable."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.batches import Ids
from seqshell.training.data.large_text import Report, unheard
from seqshell.training.data.row_encoding import encoded_rows
from seqshell.training.data.token_rows import NewRows, TokenRows
from seqshell.training.translation.data import Pairs

LONGEST_VALIDATION = 1000  # tokens; longer validation sentences are left out
REPORTED = 1000  # pairs between two reports


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
    kept = array("Q" if len(pairs) >> 32 else "I")
    encoded = encoded_rows(source_tokenizer, pairs.sources), encoded_rows(tokenizer, pairs.targets)
    for number, (ids, target_ids) in enumerate(zip(*encoded, strict=True)):
        if number % REPORTED == 0:
            report(number, len(pairs))
        if ids and target_ids and max(len(ids), len(target_ids)) <= longest:
            kept.append(number)
            sources.append(ids)
            targets.append(target_ids)
    return np.asarray(kept)
