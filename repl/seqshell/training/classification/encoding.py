"""Labelled texts as ids, without those that the model cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import VocabularyError
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.truncation import Cut
from seqshell.training.data.batches import Ids
from seqshell.training.data.encoding_workers import encoded_rows
from seqshell.training.data.large_text import Report, unheard
from seqshell.training.data.small_integers import rows_where
from seqshell.training.data.token_rows import NewRows


@dataclass(frozen=True)
class EncodedExamples:
    """The ids and label number of each text that the model can read. rows: their rows among all examples."""

    ids: Sequence[Ids]
    labels: NDArray[Any]
    rows: NDArray[Any]


def encoded(tokenizer: Tokenizer, cut: Cut, text: str) -> list[int] | None:
    """The ids of a text, cut as the model requires; None if it cannot read the text."""
    try:
        return cut(tokenizer.encode(text)) or None
    except VocabularyError:
        return None


def encode_into(
    ids: NewRows, texts: Sequence[str], tokenizer: Tokenizer, cut: Cut, report: Report = unheard
) -> NDArray[Any]:
    """Add the ids of texts to rows; returns the numbers of the texts that can be read, in small integers."""
    kept, first = [rows_where(np.zeros(len(texts), bool))], 0
    for whole, sizes in encoded_rows(tokenizer, texts):
        is_kept, ends = np.ones(len(whole), bool), np.cumsum(sizes)
        for row in np.flatnonzero(sizes > (cut.max_length or len(whole))).tolist():
            if (gap := cut.gap(int(sizes[row]))) is not None:
                start = ends[row] - sizes[row] + gap[1]
                is_kept[start : start + gap[0]] = False
                sizes[row] -= gap[0]
        chosen = np.flatnonzero(sizes)
        ids.extend(whole[is_kept], sizes[chosen])
        kept.append((first + chosen).astype(kept[0].dtype))
        first += len(sizes)
        report(first, len(texts))
    return np.concatenate(kept)
