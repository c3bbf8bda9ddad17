"""Many lines at once, each labelled by itself, told in their order. Nothing of the session moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import groupby, islice
from typing import TYPE_CHECKING

from seqshell.errors import UsageError, VocabularyError
from seqshell.events import Label, Progress
from seqshell.tasks.lines import WINDOW, Failed

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.tasks import Wishes

MOST_TOKENS = 16384  # that the lines read together have in all


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
            if session.live.interrupted:
                return
            yield from (found[item] for item, _ in window)
            done += len(window)
            yield Progress(done, total, description="classifying")
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


def _labelled(session: Session, window: list[tuple[int, str]], unknown: str, found: dict[int, Label | Failed]) -> Iterator[int]:
    """Fill in `found` for numbered lines; after each batch how many are there. Lines of one length are read together, so that none is padded."""
    import numpy as np

    waiting: list[tuple[int, str, list[int]]] = []
    for item, line in window:
        try:
            ids = session.read_text(line, unknown)
        except (UsageError, VocabularyError) as error:
            found[item] = Failed(item, error.message)
            continue
        if ids:
            waiting.append((item, line, ids))
        else:
            found[item] = Label(line, "", (), branch=session.branch, item=item)
    reader = session.live.reader
    for length, group in groupby(sorted(waiting, key=lambda line: len(line[2])), key=lambda line: len(line[2])):
        same = list(group)
        size = max(1, MOST_TOKENS // length)
        for start in range(0, len(same), size):
            if session.live.interrupted:
                return
            batch = same[start : start + size]
            outputs, _ = reader.feed(np.array([ids for _, _, ids in batch], np.int64), reader.initial_state(len(batch)))
            for (item, line, _), row in zip(batch, outputs, strict=True):
                probs = session.probabilities(row)
                found[item] = Label(line, probs[0][0], probs, end=length, branch=session.branch, item=item)
            yield len(found)
