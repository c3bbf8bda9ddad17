"""Many lines at once, each labelled by itself, told in their order. Nothing of the session moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Label, Progress
from seqshell.core.tokenizers import PAD
from seqshell.session.tasks.translate_file import WINDOW, Failed

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.session.tasks import Wishes

MOST_ROWS, MOST_TOKENS = 64, 16384  # of the lines that are read together, padding counted


def classify_lines(session: Session, lines: Iterable[str], wishes: Wishes) -> Iterator[Progress | Label | Failed]:
    """A Label or Failed for each line, in their order, blank ones included, with Progress in between.

    wishes: as for `tasks.classify`. Ends early, between two batches, when the session is interrupted. A fault of the model ends it with a
    PluginError.
    """
    total = len(lines) if isinstance(lines, Sized) else 0
    rest = enumerate(lines, 1)
    done = 0
    try:
        while window := list(islice(rest, WINDOW)):
            found: dict[int, Label | Failed] = {}
            for size in _labelled(session, window, wishes.get("unknown"), found):
                yield Progress(done + size, total, description="classifying")
            for item, _ in window:
                if item not in found:
                    return
                yield found[item]
            if session.live.interrupted:
                return
            done += len(window)
    finally:
        session.live.interrupted = False


def explain_lines(session: Session, lines: Iterable[str], wishes: Wishes) -> Iterator[Progress | Label | Failed]:
    """The same one by one, each with what its tokens did to the belief."""
    from dataclasses import replace

    total = len(lines) if isinstance(lines, Sized) else 0
    try:
        for item, line in enumerate(lines, 1):
            try:
                found: Label | Failed = replace(session.explained(line, wishes.get("unknown")), item=item)
            except (UsageError, VocabularyError) as error:
                found = Failed(item, error.message)
            if session.live.interrupted:
                return
            yield found
            yield Progress(item, total, description="classifying")
    finally:
        session.live.interrupted = False


def _labelled(
    session: Session, window: list[tuple[int, str]], unknown: str, found: dict[int, Label | Failed]
) -> Iterator[int]:
    """Fill in `found` for numbered lines; before each batch, and at the end, how many are there.

    Lines of similar length are read together, padded to the longest of them.
    """
    import numpy as np

    waiting: list[tuple[int, str, list[int]]] = []
    left_out: dict[int, tuple[int, int] | None] = {}
    for item, line in window:
        try:
            ids, left_out[item] = session.read_text(line, unknown)
        except (UsageError, VocabularyError) as error:
            found[item] = Failed(item, error.message)
            continue
        if ids:
            waiting.append((item, line, ids))
        else:
            found[item] = Label(line, "", (), branch=session.branch, item=item)
    waiting.sort(key=lambda line: -len(line[2]))
    reader = session.live.reader
    while waiting:
        yield len(found)
        if session.live.interrupted:
            return
        longest = len(waiting[0][2])
        size = max(1, min(MOST_ROWS, MOST_TOKENS // longest))
        batch, waiting = waiting[:size], waiting[size:]
        texts = np.full((len(batch), longest), PAD, np.int64)
        for row, (_, _, ids) in zip(texts, batch, strict=True):
            row[: len(ids)] = ids
        outputs, _ = reader.feed(texts, reader.initial_state(len(batch)))
        for (item, line, ids), told in zip(batch, outputs, strict=True):
            probs = session.probabilities(told)
            found[item] = Label(
                line, probs[0][0], probs, end=len(ids), branch=session.branch, item=item, left_out=left_out[item]
            )
    yield len(found)
