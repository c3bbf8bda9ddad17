"""Labelled texts as ids, without those that the model cannot read."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import VocabularyError
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.truncation import Cut
from seqshell.training.data.batches import Ids
from seqshell.training.data.large_text import Report, unheard
from seqshell.training.data.row_encoding import encoded_rows
from seqshell.training.data.token_rows import NewRows

REPORTED = 1000  # texts between two reports


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
    kept = array("Q" if len(texts) >> 32 else "I")
    for row, whole in enumerate(encoded_rows(tokenizer, texts)):
        if row % REPORTED == 0:
            report(row, len(texts))
        if whole and (found := cut(whole)):
            ids.append(found)
            kept.append(row)
    return np.asarray(kept)
