"""Labelling many lines: in batches of similar length, emitted in their order. The session does not move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Label, Progress
from seqshell.core.threads import in_threads
from seqshell.core.tokenizers import PAD
from seqshell.session.cores import num_threads
from seqshell.session.cursor import Cursor
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.translate_lines import WINDOW, Failed

MAX_ROWS, MAX_TOKENS = 64, 16384  # of the lines that are read together, including padding
Line = tuple[int, str, list[int]]  # its number, its text and its ids


def classify_lines(behaviour: TaskBehaviour, lines: Iterable[str], unknown: str) -> Iterator[Progress | Label | Failed]:
    """A Label or Failed for each line, in their order, blank ones included, with Progress in between.

    Ends early, between two batches, if the session is interrupted. A fault of the model ends it with a PluginError.
    """
    total = len(lines) if isinstance(lines, Sized) else 0
    rest = enumerate(lines, 1)
    done = 0
    cursor = behaviour.cursor
    try:
        while window := list(islice(rest, WINDOW)):
            found: dict[int, Label | Failed] = {}
            for size in _labelled(behaviour, window, unknown, found):
                yield Progress(done + size, total, description="classifying")
            for item, _ in window:
                if item not in found:
                    return
                yield found[item]
            if cursor.interrupted:
                return
            done += len(window)
    finally:
        cursor.interrupted = False


def explain_lines(
    cursor: Cursor, lines: Iterable[str], explained: Callable[[str], Label]
) -> Iterator[Progress | Label | Failed]:
    """The same line by line, each explained: by how much each token moved the log-odds of its label."""
    total = len(lines) if isinstance(lines, Sized) else 0
    try:
        for item, line in enumerate(lines, 1):
            try:
                found: Label | Failed = replace(explained(line), item=item)
            except (UsageError, VocabularyError) as error:
                found = Failed(item, error.message)
            if cursor.interrupted:
                return
            yield found
            yield Progress(item, total, description="classifying")
    finally:
        cursor.interrupted = False


def _labelled(
    behaviour: TaskBehaviour, window: list[tuple[int, str]], unknown: str, found: dict[int, Label | Failed]
) -> Iterator[int]:
    """Fill in `found` for numbered lines; yields its size before each batch and at the end.

    Lines of similar length are read together, padded to the longest of them.
    """
    cursor, branch = behaviour.cursor, behaviour.navigator.branch
    waiting: list[Line] = []
    left_out: dict[int, tuple[int, int] | None] = {}
    for item, line in window:
        try:
            ids, left_out[item] = behaviour.read_text(line, unknown)
        except (UsageError, VocabularyError) as error:
            found[item] = Failed(item, error.message)
            continue
        if ids:
            waiting.append((item, line, ids))
        else:
            found[item] = Label(line, "", (), branch=branch, item=item)
    waiting.sort(key=lambda line: -len(line[2]))
    decoder = cursor.decoder

    def read(batch: list[Line], check: Callable[[], None]) -> Iterator[tuple[list[Line], NDArray[Any]]]:
        check()
        if cursor.interrupted:
            return
        texts = np.full((len(batch), len(batch[0][2])), PAD, np.int64)
        for row, (_, _, ids) in zip(texts, batch, strict=True):
            row[: len(ids)] = ids
        yield batch, decoder.feed(texts, decoder.initial_state(len(batch)))[0]

    yield len(found)
    batches = list(_batches(waiting, decoder.reads_padded))
    for batch, outputs in in_threads(read, batches, num_threads(cursor.model)):
        for (item, line, ids), row in zip(batch, outputs, strict=True):
            probs = behaviour.probabilities(row)
            cut = left_out[item]
            answer = Label(line, probs[0][0], probs, end=len(ids), branch=branch, item=item, left_out=cut)
            found[item] = replace(answer, unknown=behaviour.unknown(line))
        yield len(found)


def _batches(lines: list[Line], reads_padded: bool) -> Iterator[list[Line]]:
    """The lines, the longest first, in batches that are read together."""
    while lines:
        size = max(1, min(MAX_ROWS, MAX_TOKENS // len(lines[0][2]))) if reads_padded else 1
        yield lines[:size]
        lines = lines[size:]
