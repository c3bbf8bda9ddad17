"""A translation: an answer from a root that carries a source, its text, its words for unknown ones, and what it looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Attention, Candidate, Finished, Token, Translation
from seqshell.core.model import Model
from seqshell.core.sampling import Draw, Hypothesis
from seqshell.core.state import State, attention_of
from seqshell.core.tokenizers import Tokenizer
from seqshell.session.cursor import Live
from seqshell.session.generation import End, Plan, answer
from seqshell.session.timeline import Source
from seqshell.session.word_alignment import most_attended, words_of

SOURCE_END = "<eos>"  # how the end of a source is called where its tokens are shown


class Unknown:
    """What stands for an unknown word of a translation: the source word that was looked at most, with a space where UNK has one."""

    def __init__(self, model: Model, source: Source, replaces: bool) -> None:
        assert model.source_tokenizer is not None  # open_model sees to it
        self._unk = model.tokenizer.unk
        self._space = _space(model.tokenizer)
        self._replaces = replaces
        self._source, self._tokenizer = source, model.source_tokenizer
        self._words: Sequence[str] | None = None

    def word(self, token: int, before: State) -> str | None:
        """The text of a token that was drawn in the state `before`; None where its own piece is."""
        if token != self._unk or not self._replaces or before is None or (weights := attention_of(before)) is None:
            return None
        if self._words is None:
            self._words = words_of(self._source.text, self._source.ids, self._tokenizer)
        return self._space + most_attended(weights[0], self._words)


def translation(
    live: Live,
    plan: Plan,
    turn: int,
    draw: Draw,
    branch: str,
    candidate: int | None,
    end: End,
    *,
    source: Source,
    replaces: bool,
) -> Iterator[Token | Finished]:
    """As `answer`, from the root of a source: a Token for each token, then Translation.

    replaces: a source word stands for UNK, in the events and in the session's text.
    """
    unknown = Unknown(live.model, source, replaces)
    told: list[str] = []
    before = start = live.here.state
    with closing(answer(live, plan, turn, draw, branch, candidate, end)) as events:
        for event in events:
            if isinstance(event, Token):
                word = unknown.word(event.id, before)
                before = live.here.state
                if word is not None:
                    live.timeline.words[live.here.node] = word
                text = event.text if word is None else word
                told.append(text if any(told) else text.removeprefix(" "))
                yield replace(event, text=told[-1])
            else:
                found = end.best if candidate is None else ()  # else each is told as an answer of its own
                best = as_candidates(live, found, unknown, start)
                place = (event.start, event.end, event.branch, event.candidate, event.settings)
                yield Translation(
                    "".join(told), event.num_tokens, event.stop, event.log_prob, *place, source.text, best
                )


def as_candidates(
    live: Live, found: Iterable[Hypothesis], unknown: Unknown, start: State = None
) -> tuple[Candidate, ...]:
    """The answers that a search found, best first. Of those that are one text in other tokens, the best.

    start: the state they were found from, needed where a first token is UNK and gives way.
    """
    best: dict[str, Candidate] = {}
    for hypothesis in found:
        candidate = _candidate(live, hypothesis, unknown, start)
        best.setdefault(candidate.text, candidate)
    return tuple(best.values())


def _candidate(live: Live, found: Hypothesis, unknown: Unknown, start: State) -> Candidate:
    befores: Iterable[State] = (start, *found.states)
    parts: list[bytes] = []
    for token, before in zip_longest(found.ids, islice(befores, len(found.ids))):
        word = unknown.word(token, before)
        parts.append(live.pieces.piece(token) if word is None else word.encode("utf-8", "surrogatepass"))
    return Candidate(b"".join(parts).decode("utf-8", "replace").removeprefix(" "), found.score, found.log_prob)


def attention(live: Live) -> Attention:
    """How much each token of the translation that ends here looked at each token of its source.

    UsageError when nothing was translated here, or the model has no attention.
    """
    timeline, model, node = live.timeline, live.model, live.here.node
    source = timeline.source(node)
    if source is None:
        raise UsageError(
            "there is no translation yet whose attention could be shown; translate a text first", code="no_answer"
        )
    assert model.source_tokenizer is not None
    if attention_of(live.here.state) is None:
        raise UsageError(f"{model.name} has no attention: all that it knows of the source is its first state")
    weights = [attention_of(state)[0] for state in _states(live, timeline.root(node), node)]
    texts = [live.pieces.piece(token).decode("utf-8", "replace") for token in timeline.ids_to(node)]
    nodes = [number for _, first, last in timeline.stretches(node) for number in range(first, last + 1)]
    target = [timeline.words.get(number, text) for number, text in zip(nodes, texts, strict=True)]
    reader = model.source_tokenizer
    words = words_of(source.text, source.ids, reader)
    seen = [_source_text(reader, token, word) for token, word in zip(source.ids, words, strict=True)]
    rows: NDArray[Any] = np.array(weights[:-1]).reshape(
        len(target), len(seen)
    )  # the last state has not chosen a token yet
    return Attention(_without_first_space(seen), _without_first_space(target), rows)


def _states(live: Live, root: int, node: int) -> Iterator[State]:
    """The states at the root and at every node up to `node`; those that are gone are stepped over again."""
    state = live.moment(root).state
    yield state
    for number in (each for _, first, last in live.timeline.stretches(node) for each in range(first, last + 1)):
        kept = live.store.get(number)
        state = kept.state if kept is not None else live.reader.step(np.array([live.timeline.ids[number]]), state)[1]
        yield state


def _source_text(tokenizer: Tokenizer, token: int, word: str) -> str:
    """How a token of a source is called; word: the one that it belongs to, which UNK is called by."""
    if token == tokenizer.eos:
        return SOURCE_END
    return _space(tokenizer) + word if token == tokenizer.unk else tokenizer.piece(token).decode("utf-8", "replace")


def _space(tokenizer: Tokenizer) -> str:
    """A space where UNK is a word, nothing where it is a part of one."""
    return " " if tokenizer.unk is not None and tokenizer.piece(tokenizer.unk).startswith(b" ") else ""


def _without_first_space(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text.removeprefix(" ") if place == 0 else text for place, text in enumerate(texts))
