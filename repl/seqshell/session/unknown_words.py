"""Text that a vocabulary lacks: which parts of an input it is, and the words that replace it in a translation."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import cached_property

from seqshell.core.errors import VocabularyError
from seqshell.core.events import Finished, Token
from seqshell.core.model import Model
from seqshell.core.spelling import runs
from seqshell.core.state import State, attention_of
from seqshell.core.tokenizers import Tokenizer
from seqshell.decoding.copying import Copying
from seqshell.session.given import TranslationSource
from seqshell.session.word_alignment import SourceWords, most_attended, source_words

Events = Iterator[Token | Finished]


def unknown_parts(text: str, tokenizer: Tokenizer) -> tuple[str, ...]:
    """The different parts of a text that a vocabulary lacks, in their order.

    These are words or characters, as the tokenizer has them; neighbouring characters are one part. The mark for
    unknown words, where a text is written with it, is known.
    """
    mark = tokenizer.piece(tokenizer.unk).decode("utf-8", "ignore").strip() if tokenizer.unk is not None else ""
    try:
        parts = list(_unknown(text, tokenizer)) if tokenizer.unk in tokenizer.encode(text) else []
    except VocabularyError as error:
        parts = [text[start:end] for start, end in runs((place, place + 1) for place in error.positions)]
    return tuple(dict.fromkeys(word for part in parts for word in part.split() if word != mark))


def _unknown(text: str, tokenizer: Tokenizer) -> Iterator[str]:
    aligned = getattr(tokenizer, "aligned", None)
    if aligned is not None:
        spans = runs((start, end) for token, start, end in aligned(text) if token == tokenizer.unk)
        yield from (text[start:end] for start, end in spans)
    else:
        words = source_words(text, tokenizer.encode(" ".join(text.split())), tokenizer)
        yield from (word for word, number in zip(words.texts, words.unknown, strict=True) if number >= 0)


def noted(events: Events, unknown: tuple[str, ...]) -> Events:
    """The events of an answer, which names the parts of the message that are unknown."""
    if not unknown:
        return events
    return _noted(events, unknown)


def _noted(events: Events, unknown: tuple[str, ...]) -> Events:
    try:
        for event in events:
            yield replace(event, unknown=unknown) if isinstance(event, Finished) else event
    finally:
        if isinstance(events, Generator):
            events.close()


class UnknownWords:
    """Replaces UNK in translations of a source by a source word.

    It is an unknown word of the source if there is one, else any: the one that was attended to most.
    """

    def __init__(self, model: Model, source: TranslationSource, replaces: bool) -> None:
        assert model.source_tokenizer is not None  # open_model checks this
        self._target, self._unk = model.tokenizer, model.tokenizer.unk
        self._begins_word = bool(space_of_unknown(model.tokenizer))
        self._replaces = replaces
        self._source, self._tokenizer = source, model.source_tokenizer

    @property
    def copying(self) -> Copying | None:
        """How a search copies the unknown words of the source; None if there are none, or if UNK is not replaced."""
        if self._unk is None or not self._replaces or self._tokenizer.unk not in self._source.ids:
            return None
        if not self._words.has_unknown:
            return None
        pieces = map(self._target.piece, range(self._target.size))
        continuing = tuple(index for index, piece in enumerate(pieces) if piece.decode("utf-8", "ignore")[:1].isalnum())
        return Copying(self._unk, self._target.eos, self._words.unknown, continuing)

    def word(self, token: int, before: State, written: str, used: set[int]) -> str | None:
        """The word that replaces a token drawn in the state `before`; None if the token is shown as it is.

        written: the text before it. used: the numbers of the unknown words that this translation has; it is added to.
        """
        if token != self._unk or not self._replaces or before is None or (weights := attention_of(before)) is None:
            return None
        left = [
            word if number >= 0 and number not in used else ""
            for word, number in zip(self._words.texts, self._words.unknown, strict=True)
        ]
        place = most_attended(weights[0], left if any(left) else self._words.texts)
        if place is None:
            return ""
        used.add(self._words.unknown[place])
        is_spaced = self._begins_word or (self._words.spaced[place] and not written.endswith((" ", "'", "\u2019")))
        return (" " if is_spaced else "") + self._words.texts[place]

    @cached_property
    def _words(self) -> SourceWords:
        return source_words(self._source.text, self._source.ids, self._tokenizer)


def space_of_unknown(tokenizer: Tokenizer) -> str:
    """A space if UNK is a word, nothing if it is a part of one or the tokenizer has none."""
    return " " if tokenizer.unk is not None and tokenizer.piece(tokenizer.unk).startswith(b" ") else ""
