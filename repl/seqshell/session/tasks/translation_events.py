"""The events of a translation: an answer from a root with a source, with source words for unknown tokens."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice, zip_longest

from seqshell.core.events import Candidate, Finished, Token, Translation
from seqshell.core.sampling import Hypothesis
from seqshell.core.state import State
from seqshell.session.cursor import Cursor
from seqshell.session.generation import End
from seqshell.session.given import TranslationSource
from seqshell.session.unknown_words import UnknownWords


def translation_events(
    cursor: Cursor, events: Generator[Token | Finished], source: TranslationSource, replaces_unknown: bool, end: End
) -> Iterator[Token | Finished]:
    """The events of an answer from the root of a source, as a translation: a Token for each token, then Translation.

    replaces_unknown: a source word replaces UNK, in the events and in the session's text. end: holds the best answers
    of a search.
    """
    unknown = UnknownWords(cursor.model, source, replaces_unknown)
    texts: list[str] = []
    used: set[int] = set()
    before = start = cursor.here.state
    with closing(events):
        for event in events:
            if isinstance(event, Token):
                word = unknown.word(event.id, before, texts[-1] if texts else "", used)
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
    used: set[int] = set()
    for token, before in zip_longest(found.ids, islice(befores, len(found.ids))):
        word = unknown.word(token, before, parts[-1].decode("utf-8", "ignore") if parts else "", used)
        parts.append(cursor.token_text.piece(token) if word is None else word.encode("utf-8", "surrogatepass"))
    return Candidate(b"".join(parts).decode("utf-8", "replace").removeprefix(" "), found.score, found.log_prob)
