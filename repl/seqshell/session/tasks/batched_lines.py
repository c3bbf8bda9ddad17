"""Reading many lines: in batches of similar length, answered in their order. The session does not move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Event, Progress
from seqshell.core.threads import in_threads
from seqshell.core.tokenizers import PAD
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.session.cores import num_threads
from seqshell.session.cursor import Cursor
from seqshell.session.tasks.translate_lines import WINDOW, Failed

MAX_ROWS, MAX_TOKENS = 64, 16384  # of the lines that are read together, including padding
Details = TypeVar("Details")


@dataclass(frozen=True)
class LineWork(Generic[Details]):
    """What to do with the lines.

    read: the ids of a line, and what else its answer needs; UsageError or VocabularyError if it cannot be read.
    outputs: those of a batch of ids [B, T], padded right, a row for each. answer: to a line, given its number, its ids,
    the details and the row of outputs, None if it has no ids. description: of the progress.
    """

    read: Callable[[str], tuple[list[int], Details]]
    outputs: Callable[[CheckedDecoder, NDArray[Any]], NDArray[Any]]
    answer: Callable[[int, str, list[int], Details, NDArray[Any] | None], Event]
    description: str


@dataclass(frozen=True)
class _Line(Generic[Details]):
    item: int
    text: str
    ids: list[int]
    details: Details


def answer_in_batches(cursor: Cursor, lines: Iterable[str], work: LineWork[Any]) -> Iterator[Event]:
    """An answer or Failed for each line, in their order, blank ones included, with Progress in between.

    Ends early, between two batches, if the session is interrupted. A fault of the model ends it with a PluginError.
    """
    total = len(lines) if isinstance(lines, Sized) else 0
    rest = enumerate(lines, 1)
    done = 0
    try:
        while window := list(islice(rest, WINDOW)):
            found: dict[int, Event] = {}
            for size in _answered(cursor, window, work, found):
                yield Progress(done + size, total, description=work.description)
            for item, _ in window:
                if item not in found:
                    return
                yield found[item]
            if cursor.interrupted:
                return
            done += len(window)
    finally:
        cursor.interrupted = False


def _answered(
    cursor: Cursor, window: list[tuple[int, str]], work: LineWork[Any], found: dict[int, Event]
) -> Iterator[int]:
    """Fill in `found` for numbered lines; yields its size before each batch and at the end.

    Lines of similar length are read together, padded to the longest of them.
    """
    waiting: list[_Line[Any]] = []
    for item, text in window:
        try:
            ids, details = work.read(text)
        except (UsageError, VocabularyError) as error:
            found[item] = Failed(item, error.message)
            continue
        if ids:
            waiting.append(_Line(item, text, ids, details))
        else:
            found[item] = work.answer(item, text, ids, details, None)
    waiting.sort(key=lambda line: -len(line.ids))
    decoder = cursor.decoder

    def read(batch: list[_Line[Any]], check: Callable[[], None]) -> Iterator[tuple[list[_Line[Any]], NDArray[Any]]]:
        check()
        if cursor.interrupted:
            return
        texts = np.full((len(batch), len(batch[0].ids)), PAD, np.int64)
        for row, line in zip(texts, batch, strict=True):
            row[: len(line.ids)] = line.ids
        yield batch, work.outputs(decoder, texts)

    yield len(found)
    batches = list(_batches(waiting, decoder.reads_padded))
    for batch, outputs in in_threads(read, batches, num_threads(cursor.model)):
        for line, row in zip(batch, outputs, strict=True):
            found[line.item] = work.answer(line.item, line.text, line.ids, line.details, row)
        yield len(found)


def _batches(lines: list[_Line[Any]], reads_padded: bool) -> Iterator[list[_Line[Any]]]:
    """The lines, the longest first, in batches that are read together."""
    while lines:
        size = max(1, min(MAX_ROWS, MAX_TOKENS // len(lines[0].ids))) if reads_padded else 1
        yield lines[:size]
        lines = lines[size:]
