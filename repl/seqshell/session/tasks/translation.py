"""A translation: an answer from a root with a source, with source words for unknown tokens, and what it attended to."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Attention, Candidate, Finished, Token, Translation
from seqshell.core.model import Model
from seqshell.core.sampling import Hypothesis
from seqshell.core.state import State, attention_of
from seqshell.core.tokenizers import Tokenizer
from seqshell.session.cursor import Cursor
from seqshell.session.generation import End
from seqshell.session.timeline import TranslationSource
from seqshell.session.word_alignment import most_attended, words_of

SOURCE_END = "<eos>"  # shown for the last token of a source


class UnknownWords:
    """Replaces UNK in a translation by the source word that was attended to most, after a space if UNK has one."""

    def __init__(self, model: Model, source: TranslationSource, replaces: bool) -> None:
        assert model.source_tokenizer is not None  # open_model checks this
        self._unk = model.tokenizer.unk
        self._space = _space(model.tokenizer)
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


def translation(
    cursor: Cursor, events: Generator[Token | Finished], source: TranslationSource, replaces_unknown: bool, end: End
) -> Iterator[Token | Finished]:
    """The events of an answer from the root of a source, as a translation: a Token for each token, then Translation.

    replaces_unknown: a source word replaces UNK, in the events and in the session's text. end: holds the best answers
    of a search.
    """
    unknown = UnknownWords(cursor.model, source, replaces_unknown)
    texts: list[str] = []
    before = start = cursor.here.state
    with closing(events):
        for event in events:
            if isinstance(event, Token):
                word = unknown.word(event.id, before)
                before = cursor.here.state
                if word is not None:
                    cursor.timeline.unknown_words[cursor.here.node] = word
                text = event.text if word is None else word
                texts.append(text if any(texts) else text.removeprefix(" "))
                yield replace(event, text=texts[-1])
            else:
                best = as_candidates(cursor, end.best, unknown, start)
                place = (event.start, event.end, event.branch, event.candidate, event.settings)
                whole = "".join(texts)
                yield Translation(whole, event.num_tokens, event.stop, event.log_prob, *place, source.text, best)


def as_candidates(
    cursor: Cursor, found: Iterable[Hypothesis], unknown: UnknownWords, start: State = None
) -> tuple[Candidate, ...]:
    """The answers that a search found, best first; of those with the same text in different tokens, only the best.

    start: the state that the search started from, needed if the first token is an UNK to be replaced.
    """
    best: dict[str, Candidate] = {}
    for hypothesis in found:
        candidate = _candidate(cursor, hypothesis, unknown, start)
        best.setdefault(candidate.text, candidate)
    return tuple(best.values())


def _candidate(cursor: Cursor, found: Hypothesis, unknown: UnknownWords, start: State) -> Candidate:
    befores: Iterable[State] = (start, *found.states)
    parts: list[bytes] = []
    for token, before in zip_longest(found.ids, islice(befores, len(found.ids))):
        word = unknown.word(token, before)
        parts.append(cursor.token_text.piece(token) if word is None else word.encode("utf-8", "surrogatepass"))
    return Candidate(b"".join(parts).decode("utf-8", "replace").removeprefix(" "), found.score, found.log_prob)


def attention(cursor: Cursor) -> Attention:
    """How much each token of the translation here attended to each token of its source.

    UsageError if nothing was translated here, or if the model has no attention.
    """
    timeline, model, node = cursor.timeline, cursor.model, cursor.here.node
    source = timeline.source(node)
    if source is None:
        raise UsageError("no translation yet to show the attention of; translate a text first", code="no_answer")
    assert model.source_tokenizer is not None
    if attention_of(cursor.here.state) is None:
        raise UsageError(f"{model.name} has no attention: all it keeps of the source is its first state")
    weights = [attention_of(state)[0] for state in _states(cursor, timeline.root(node), node)]
    nodes = timeline.nodes_to(node)
    texts = [cursor.token_text.piece(timeline.ids[number]).decode("utf-8", "replace") for number in nodes]
    target = [timeline.unknown_words.get(number, text) for number, text in zip(nodes, texts, strict=True)]
    tokenizer = model.source_tokenizer
    words = words_of(source.text, source.ids, tokenizer)
    names = [_source_text(tokenizer, token, word) for token, word in zip(source.ids, words, strict=True)]
    rows: NDArray[Any] = np.array(weights[:-1])  # the last state has not chosen a token yet
    return Attention(_trimmed(names), _trimmed(target), rows.reshape(len(target), len(names)))


def _states(cursor: Cursor, root: int, node: int) -> Iterator[State]:
    """The states at the root and at every node up to `node`; missing ones are computed again by steps."""
    state = cursor.snapshot(root).state
    yield state
    for number in cursor.timeline.nodes_to(node):
        kept = cursor.store.get(number)
        token = np.array([cursor.timeline.ids[number]])
        state = kept.state if kept is not None else cursor.decoder.step(token, state)[1]
        yield state


def _source_text(tokenizer: Tokenizer, token: int, word: str) -> str:
    """The text of a token of a source; word: the one it belongs to, which is shown for UNK."""
    if token == tokenizer.eos:
        return SOURCE_END
    return _space(tokenizer) + word if token == tokenizer.unk else tokenizer.piece(token).decode("utf-8", "replace")


def _space(tokenizer: Tokenizer) -> str:
    """A space if UNK is a word, nothing if it is a part of one."""
    return " " if tokenizer.unk is not None and tokenizer.piece(tokenizer.unk).startswith(b" ") else ""


def _trimmed(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts, without the space before the first."""
    return tuple(text.removeprefix(" ") if place == 0 else text for place, text in enumerate(texts))
