"""What a saved session says of single nodes: sources of translations, given states, unknown words, options of answers.

Each function raises CheckpointError, or another error, if the parts do not fit together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.core.model import Model
from seqshell.core.text_output import quoted
from seqshell.session.answer_options import AnswerOptions
from seqshell.session.given import Given, TranslationSource
from seqshell.session.timeline import Timeline

Tensors = Mapping[str, NDArray[Any]]


def read_nodes(tensors: Tensors, timeline: Timeline, model: Model) -> None:
    """Read all of them into a timeline, which has its tokens."""
    _read_sources(tensors, timeline, model)
    _read_givens(tensors, timeline)
    _read_words(tensors, timeline)
    _read_options(tensors, timeline)


def _read_sources(tensors: Tensors, timeline: Timeline, model: Model) -> None:
    """The sources of translations, if there are any."""
    if "sources" not in tensors:
        return
    if model.source_tokenizer is None:
        raise CheckpointError(f"it has sources of translations, and {model.name} does not translate")
    sizes = model.source_tokenizer.size, model.tokenizer.size
    for node, text, ids, prefix in json.loads(tensors["sources"].tobytes()):
        for numbers, size in zip((ids, prefix), sizes, strict=True):
            for number in numbers:
                checked_integer(number, size)
        if timeline.ids[checked_integer(node, len(timeline))] >= 0 or not ids or not isinstance(text, str):
            raise CheckpointError("a source is not at a root")
        timeline.sources[node] = TranslationSource(text, tuple(ids), tuple(prefix))


def _read_givens(tensors: Tensors, timeline: Timeline) -> None:
    """Where given states are from, if there are any. Older files have no interventions."""
    givens = json.loads(tensors["givens"].tobytes()) if "givens" in tensors else ()
    for node, name, text, position, scale, *interventions in givens:
        if timeline.ids[checked_integer(node, len(timeline))] >= 0:
            raise CheckpointError("a given state is not at a root")
        names = tuple(checked_text(each) for found in interventions for each in found)
        given = (
            checked_text(name),
            checked_text(text),
            checked_integer(position, 2**62),
            tuple(map(float, scale)),
            names,
        )
        timeline.givens[node] = Given(*given)


def _read_words(tensors: Tensors, timeline: Timeline) -> None:
    """The words that unknown tokens stand for, if there are any."""
    for node, text in json.loads(tensors["words"].tobytes()) if "words" in tensors else ():
        if timeline.ids[checked_integer(node, len(timeline))] < 0 or not isinstance(text, str):
            raise CheckpointError("a word belongs to no token")
        timeline.unknown_words[node] = text


def _read_options(tensors: Tensors, timeline: Timeline) -> None:
    """The options of answers, if there are any."""
    for node, number, stop, strategy, settings in (
        json.loads(tensors["options"].tobytes()) if "options" in tensors else ()
    ):
        checked_integer(node if node >= 0 else ~node, len(timeline))
        if number is not None:
            checked_integer(number, 2**62)
        texts = None if stop is None else tuple(map(checked_text, stop))
        settings = {checked_text(name): checked_text(value) for name, value in settings.items()}
        named = None if strategy is None else checked_text(strategy)
        timeline.options[node] = AnswerOptions(number, texts, named, settings)


def checked_text(value: Any) -> str:
    """The value. Raises CheckpointError if it is not a text."""
    if not isinstance(value, str):
        raise CheckpointError(f"{quoted(value)} is not a text")
    return value


def checked_integer(value: Any, limit: int) -> int:
    """The value. Raises CheckpointError if it is not an integer from 0 to below `limit`."""
    if type(value) is not int or not 0 <= value < limit:
        raise CheckpointError(f"{quoted(value)} is not an integer below {limit}")
    return value
