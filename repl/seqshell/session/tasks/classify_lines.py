"""Labelling many lines: in batches of similar length, emitted in their order. The session does not move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import replace
from itertools import islice

import numpy as np

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Label, Progress
from seqshell.core.tokenizers import PAD
from seqshell.session.cursor import Cursor
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.translate_lines import WINDOW, Failed

MAX_ROWS, MAX_TOKENS = 64, 16384  # of the lines that are read together, including padding


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
    waiting: list[tuple[int, str, list[int]]] = []
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
    while waiting:
        yield len(found)
        if cursor.interrupted:
            return
        longest = len(waiting[0][2])
        size = max(1, min(MAX_ROWS, MAX_TOKENS // longest)) if cursor.decoder.reads_padded else 1
        batch, waiting = waiting[:size], waiting[size:]
        texts = np.full((len(batch), longest), PAD, np.int64)
        for row, (_, _, ids) in zip(texts, batch, strict=True):
            row[: len(ids)] = ids
        outputs, _ = cursor.decoder.feed(texts, cursor.decoder.initial_state(len(batch)))
        for (item, line, ids), row in zip(batch, outputs, strict=True):
            probs = behaviour.probabilities(row)
            cut = left_out[item]
            answer = Label(line, probs[0][0], probs, end=len(ids), branch=branch, item=item, left_out=cut)
            found[item] = replace(answer, unknown=behaviour.unknown(line))
    yield len(found)
