"""The words that replace unknown tokens of a translation."""

from __future__ import annotations

from collections.abc import Sequence

from seqshell.core.model import Model
from seqshell.core.state import State, attention_of
from seqshell.core.tokenizers import Tokenizer
from seqshell.session.timeline import TranslationSource
from seqshell.session.word_alignment import most_attended, words_of


class UnknownWords:
    """Replaces UNK in a translation by the source word that was attended to most, after a space if UNK has one."""

    def __init__(self, model: Model, source: TranslationSource, replaces: bool) -> None:
        assert model.source_tokenizer is not None  # open_model checks this
        self._unk = model.tokenizer.unk
        self._space = space_of_unknown(model.tokenizer)
        self._replaces = replaces
        self._source, self._tokenizer = source, model.source_tokenizer
        self._words: Sequence[str] | None = None

    def word(self, token: int, before: State) -> str | None:
        """The word that replaces a token drawn in the state `before`; None if the token is shown as it is."""
        if token != self._unk or not self._replaces or before is None or (weights := attention_of(before)) is None:
            return None
        if self._words is None:
            self._words = words_of(self._source.text, self._source.ids, self._tokenizer)
        return self._space + most_attended(weights[0], self._words)


def space_of_unknown(tokenizer: Tokenizer) -> str:
    """A space if UNK is a word, nothing if it is a part of one or the tokenizer has none."""
    return " " if tokenizer.unk is not None and tokenizer.piece(tokenizer.unk).startswith(b" ") else ""
