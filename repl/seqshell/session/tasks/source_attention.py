"""What each token of a translation attended to in its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Attention
from seqshell.core.state import State, attention_of
from seqshell.core.tokenizers import Tokenizer
from seqshell.session.cursor import Cursor
from seqshell.session.unknown_words import space_of_unknown
from seqshell.session.word_alignment import words_of

SOURCE_END = "<eos>"  # shown for the last token of a source


def source_attention(cursor: Cursor) -> Attention:
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
    return (
        space_of_unknown(tokenizer) + word
        if token == tokenizer.unk
        else tokenizer.piece(token).decode("utf-8", "replace")
    )


def _trimmed(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts, without the space before the first."""
    return tuple(text.removeprefix(" ") if place == 0 else text for place, text in enumerate(texts))
