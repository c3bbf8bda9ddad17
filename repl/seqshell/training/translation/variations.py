"""Pairs that are encoded differently in each epoch: with other splits of words, and some sources in plain forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from seqshell.core.errors import VocabularyError
from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.batches import Ids, Resplit, splits_words
from seqshell.training.translation.encoding import EncodedPairs

MARKS = " .!?\u2026\u202f\xa0"  # marks at the end of a sentence, and the spaces before them
# How people type a sentence in a hurry: in lower case, without final punctuation, or both.
PLAIN_FORMS: tuple[Callable[[str], str], ...] = (
    str.lower,
    lambda text: text.rstrip(MARKS),
    lambda text: text.lower().rstrip(MARKS),
)


def varies(settings: Any) -> bool:
    """Whether the settings of a training ask for it. Then all pairs must be encoded before the training."""
    return bool(settings.subword_dropout or settings.plain_sources)


class Variations:
    """The variations of some pairs. settings: of the training."""

    def __init__(self, pairs: EncodedPairs, source_tokenizer: Tokenizer, tokenizer: Tokenizer, settings: Any) -> None:
        self._pairs, self._tokenizers, self._settings = pairs, (source_tokenizer, tokenizer), settings

    def pairs(self, draws: np.random.Generator) -> EncodedPairs:
        """The pairs in an epoch."""
        sources, targets = self._pairs.sources, self._pairs.targets
        if self._settings.subword_dropout and all(map(splits_words, self._tokenizers)):
            sources, targets = (list(side.sentences(draws)) for side in self._resplit)
        if share := self._settings.plain_sources:
            chosen = draws.random(len(sources)) < share
            forms = draws.integers(len(PLAIN_FORMS), size=len(sources))
            sources = [
                plain[form] if is_plain else ids
                for is_plain, form, plain, ids in zip(chosen, forms, self._plain, sources, strict=True)
            ]
        return replace(self._pairs, sources=sources, targets=targets)

    @cached_property
    def _resplit(self) -> tuple[Resplit, Resplit]:
        texts, settings = (self._pairs.texts.sources, self._pairs.texts.targets), self._settings
        first, second = (
            Resplit(tokenizer, lines, settings.subword_dropout, settings.seed)
            for tokenizer, lines in zip(self._tokenizers, texts, strict=True)
        )
        return first, second

    @cached_property
    def _plain(self) -> list[list[Ids]]:
        """Each source in each of the PLAIN_FORMS; unchanged where it then has no known token."""
        return [
            [self._encoded(form(text), ids) for form in PLAIN_FORMS]
            for text, ids in zip(self._pairs.texts.sources, self._pairs.sources, strict=True)
        ]

    def _encoded(self, source: str, otherwise: Ids) -> Ids:
        """The ids of a source; `otherwise` if it has no known token."""
        try:
            found: Sequence[int] = self._tokenizers[0].encode(source)
            return found or otherwise
        except VocabularyError:
            return otherwise
