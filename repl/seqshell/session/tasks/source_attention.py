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
from seqshell.session.word_alignment import as_written

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
    names = _source_texts(" ".join(source.text.split()), source.ids, model.source_tokenizer)
    rows: NDArray[Any] = np.array(weights[:-1])  # the last state has not chosen a token yet
    return Attention(_trimmed(names), _trimmed(target), rows.reshape(len(target), len(names)))


def _states(cursor: Cursor, root: int, node: int) -> Iterator[State]:
    """The states at the root and at every token up to `node`; missing ones are computed again by steps."""
    timeline, last, state = cursor.timeline, root, cursor.snapshot(root).state
    yield state
    for number in timeline.nodes_to(node):
        kept, before = cursor.store.get(number), timeline.before(number)
        if kept is not None:
            state = kept.state
        else:
            state = state if before == last else cursor.snapshot(before).state  # the user changed it there
            decoder = cursor.decoder_with(timeline.active_at(before))
            state = decoder.step(np.array([timeline.ids[number]]), state)[1]
        last = number
        yield state


def _source_texts(text: str, ids: Sequence[int], tokenizer: Tokenizer) -> list[str]:
    """The text of each token of a source as the user wrote it; after a space where it is an unknown word."""
    pieces = [tokenizer.piece(token).decode("utf-8", "replace") for token in ids]
    names = as_written(text, ids, tokenizer, pieces)
    space = space_of_unknown(tokenizer)
    for index, token in enumerate(ids):
        if token == tokenizer.eos:
            names[index] = SOURCE_END
        elif token == tokenizer.unk:
            names[index] = space + names[index].strip() if space else names[index]
    return names


def _trimmed(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts, without the space before the first."""
    return tuple(text.removeprefix(" ") if place == 0 else text for place, text in enumerate(texts))
