"""Sentence pairs as ids, without those that are too long or unreadable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqshell.core.errors import VocabularyError
from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.batches import Ids
from seqshell.training.data.token_rows import TokenRows
from seqshell.training.translation.data import Pairs


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as ids without specials. texts: the same pairs as text."""

    texts: Pairs
    sources: Sequence[Ids]
    targets: Sequence[Ids]

    def at(self, rows: Sequence[int]) -> EncodedPairs:
        """Some of the pairs."""
        sources, targets = ([side[row] for row in rows] for side in (self.sources, self.targets))
        return EncodedPairs(self.texts.at(rows), sources, targets)


def encode_pairs(pairs: Pairs, source_tokenizer: Tokenizer, tokenizer: Tokenizer, longest: int) -> EncodedPairs:
    """Encode the pairs with 1 to `longest` tokens on both sides; others are left out."""
    kept: list[int] = []
    sources, targets = TokenRows((), source_tokenizer), TokenRows((), tokenizer)
    for number, (source, target) in enumerate(zip(pairs.sources, pairs.targets, strict=True)):
        try:
            ids, target_ids = source_tokenizer.encode(source), tokenizer.encode(target)
        except VocabularyError:
            continue
        if 0 < len(ids) <= longest and 0 < len(target_ids) <= longest:
            kept.append(number)
            sources.append(ids)
            targets.append(target_ids)
    return EncodedPairs(pairs.at(kept), sources, targets)
