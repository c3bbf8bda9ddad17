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
from seqshell.training.data.batches import Ids, RowBatches, group_by_length
from seqshell.training.data.encoding_workers import encoded_rows
from seqshell.training.data.large_text import Report, unheard
from seqshell.training.data.late_encoding import LateTokens, Rates, estimated
from seqshell.training.data.small_integers import rows_where
from seqshell.training.data.token_rows import NewRows, TokenRows, items_at, lengths_of


@dataclass(frozen=True)
class EncodedExamples:
    """The ids and label number of each text that the model can read. rows: their rows among all examples."""

    ids: Sequence[Ids]
    labels: NDArray[Any]
    rows: NDArray[Any]

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, places: NDArray[Any]) -> tuple[Sequence[Ids], NDArray[Any]]:
        """The ids of some texts, and the places of those that are not left out."""
        return [self.ids[place] for place in places.tolist()], places

    def first(self, number: int) -> tuple[Sequence[Ids], NDArray[Any]]:
        """The first ones, as `at` gives them."""
        return self.at(np.arange(min(number, len(self))))

    def rows_of(self, places: NDArray[Any]) -> NDArray[Any]:
        """The rows of some texts among all examples."""
        found: NDArray[Any] = self.rows[places]
        return found

    def left_out(self, number: int) -> str:
        """How many of so many texts are left out, in words; "" for none."""
        return f"{number - len(self):,}" if number > len(self) else ""

    def group(self, rows: int, tokens: int, draws: np.random.Generator) -> RowBatches:
        """Batches of similar length."""
        return group_by_length(lengths_of(self.ids), rows=rows, tokens=tokens, draws=draws)


@dataclass(frozen=True)
class LateTexts:
    """Texts that are encoded when a batch asks for them. cut: how the model shortens them."""

    tokens: LateTokens
    cut: Cut
    rates: Rates


@dataclass(frozen=True)
class LateExamples:
    """Such texts with their label numbers, as EncodedExamples has them; those without a known token are left out."""

    texts: LateTexts
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: NDArray[Any]) -> tuple[Sequence[Ids], NDArray[Any]]:
        """The ids of some texts, and the places of those that are not left out."""
        found = list(map(self.texts.cut, self.texts.tokens.at(places)))
        return [ids for ids in found if ids], places[[bool(ids) for ids in found]]

    def first(self, number: int) -> tuple[Sequence[Ids], NDArray[Any]]:
        """The first ones that are not left out."""
        ids, kept, start = list[Ids](), [np.zeros(0, np.int64)], 0
        while len(ids) < number and start < len(self):
            more, places = self.at(np.arange(start, min(start + number, len(self))))
            ids += more
            kept.append(places)
            start += number
        return ids[:number], np.concatenate(kept)[:number]

    def rows_of(self, places: NDArray[Any]) -> NDArray[Any]:
        """The rows of some texts among all examples."""
        return places

    def left_out(self, number: int) -> str:
        """How many of so many texts are left out, in words; "" for none."""
        return self.texts.rates.left_out_of(number)

    def group(self, rows: int, tokens: int, draws: np.random.Generator) -> RowBatches:
        """Batches of texts of similar length in bytes. tokens: of a batch, at most about."""
        size = self.texts.rates.bytes_of(tokens)
        return group_by_length(self.texts.tokens.lengths, rows=rows, tokens=size, draws=draws)


def encoded(tokenizer: Tokenizer, cut: Cut, text: str) -> list[int] | None:
    """The ids of a text, cut as the model requires; None if it cannot read the text."""
    try:
        return cut(tokenizer.encode(text)) or None
    except VocabularyError:
        return None


def encode_into(
    ids: NewRows,
    texts: Sequence[str],
    tokenizer: Tokenizer,
    cut: Cut,
    report: Report = unheard,
    keeps_rows: bool = False,
) -> NDArray[Any]:
    """Add the ids of texts to rows; returns the numbers of the texts that can be read, in small integers.

    keeps_rows: whether a text that cannot be read has a row without ids, as it is encoded beside a training.
    """
    kept, first = [rows_where(np.zeros(len(texts), bool))], 0
    for whole, sizes in encoded_rows(tokenizer, texts, sides=2 if keeps_rows else 1):
        is_kept, ends = np.ones(len(whole), bool), np.cumsum(sizes)
        for row in np.flatnonzero(sizes > (cut.max_length or len(whole))).tolist():
            if (gap := cut.gap(int(sizes[row]))) is not None:
                start = ends[row] - sizes[row] + gap[1]
                is_kept[start : start + gap[0]] = False
                sizes[row] -= gap[0]
        chosen = np.flatnonzero(sizes)
        ids.extend(whole[is_kept], sizes if keeps_rows else sizes[chosen])
        kept.append((first + chosen).astype(kept[0].dtype))
        first += len(sizes)
        report(first, len(texts))
    return np.concatenate(kept)


def rates_of(texts: Sequence[str], tokenizer: Tokenizer, cut: Cut) -> Rates:
    """What some of the texts of large files show."""
    some, ids = items_at(texts, estimated(len(texts))), NewRows.of_ids(tokenizer)
    kept = items_at(some, encode_into(ids, some, tokenizer, cut))
    return Rates.of(kept, TokenRows(*ids.arrays()), len(some))
