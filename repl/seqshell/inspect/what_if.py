"""What other source words change in a translation, and how much each word of it attends to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.events import Table
from seqshell.core.text_output import Fixed, quoted
from seqshell.session import Session
from seqshell.session.word_alignment import source_words

CHANGED = "*"  # marks a row whose words differ
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Translated:
    """The words of a translation, and the mean weight of each on the swapped words; None without attention."""

    words: tuple[str, ...]
    weights: tuple[float | None, ...]


def what_if(session: Session, swaps: Mapping[str, str]) -> Table:
    """The translation here beside that of its source with other words; the session does not move.

    UsageError if nothing was translated, if the text begins with a given state, or if a word is not in the source.
    """
    timeline = session.behaviour.cursor.timeline
    source = timeline.source(session.here.node)
    if source is None:
        raise UsageError("no translation yet to change a word of; translate a text first", code="no_answer")
    if timeline.given(session.here.node) is not None:
        raise UsageError(
            "the text here begins with a loaded state, so it is no whole translation; translate a text first",
            code="no_answer",
        )
    text = _swapped(" ".join(source.text.split()), swaps)
    before = _translated(session, swaps.keys())
    mark = session.mark()
    try:
        session.begin_turn()
        for _ in session.translate(text, prefix=_written(session, source.prefix)):
            pass
        after = _translated(session, swaps.values())
    finally:
        session.return_to(mark)
    old, new = " ".join(swaps), " ".join(swaps.values())
    return Table(("", old, new, f"attention to {old}", f"attention to {new}"), tuple(_rows(before, after)), text)


def _swapped(text: str, swaps: Mapping[str, str]) -> str:
    for old in swaps:
        if not re.search(_word(old), text):
            raise UsageError(f"{quoted(old)} is no word of the source, {quoted(text)}")
    return re.sub("|".join(map(_word, swaps)), lambda found: swaps[found[0]], text)


def _word(text: str) -> str:
    return rf"(?<!\w){re.escape(text)}(?!\w)"


def _written(session: Session, ids: Sequence[int]) -> str:
    return b"".join(map(session.model.tokenizer.piece, ids)).decode("utf-8", "replace")


def _translated(session: Session, swapped: Collection[str]) -> Translated:
    """The translation here."""
    cursor = session.behaviour.cursor
    if not session.behaviour.has_attention:
        words = tuple(word for word, _ in _words([_written(session, [token]) for token in session.ids()]))
        return Translated(words, (None,) * len(words))
    found, source = session.attention(), cursor.timeline.source(cursor.here.node)
    assert source is not None
    assert session.model.source_tokenizer is not None
    parts = {part for text in swapped for part in text.split()}
    texts = source_words(source.text, source.ids, session.model.source_tokenizer).texts
    on_swapped = found.weights[:, [text in parts for text in texts]].sum(1)
    grouped, weights, start = _words(found.target), [], 0
    for _, length in grouped:
        weights.append(float(on_swapped[start : start + length].mean()))
        start += length
    return Translated(tuple(word for word, _ in grouped), tuple(weights))


def _words(tokens: Sequence[str]) -> list[tuple[str, int]]:
    """The words of the texts of tokens, and how many tokens each has; a punctuation mark is a word."""
    words: list[tuple[str, int]] = []
    for token in tokens:
        if words and token[:1].isalnum() and words[-1][0][-1:].isalnum():
            word, length = words.pop()
            words.append((word + token, length + 1))
        else:
            words.append((token.strip(), 1))
    return words


def _rows(before: Translated, after: Translated) -> Iterator[Row]:
    """The words of both beside each other; those that differ are marked."""
    for kind, start, end, new_start, new_end in SequenceMatcher(
        a=before.words, b=after.words, autojunk=False
    ).get_opcodes():
        old = zip(before.words[start:end], before.weights[start:end], strict=True)
        new = zip(after.words[new_start:new_end], after.weights[new_start:new_end], strict=True)
        for (word, weight), (other, other_weight) in zip_longest(old, new, fillvalue=("", None)):
            yield "" if kind == "equal" else CHANGED, word, other, _shown(weight), _shown(other_weight)


def _shown(weight: float | None) -> Fixed | None:
    return None if weight is None else Fixed(weight)
