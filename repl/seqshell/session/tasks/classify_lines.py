"""Labelling many lines. The session does not move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Event, Label, Progress
from seqshell.session.cursor import Cursor
from seqshell.session.tasks.batched_lines import LineWork, answer_in_batches
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.session.tasks.translate_lines import Failed

Gap = tuple[int, int] | None  # what was cut out, as in Label


def classify_lines(behaviour: TaskBehaviour, lines: Iterable[str], unknown: str) -> Iterator[Event]:
    """A Label or Failed for each line, as `answer_in_batches` gives them."""
    branch = behaviour.navigator.branch

    def answer(item: int, line: str, ids: list[int], left_out: Gap, row: NDArray[Any] | None) -> Label:
        if row is None:
            return Label(line, "", (), branch=branch, item=item)
        probs = behaviour.probabilities(row)
        found = Label(line, probs[0][0], probs, end=len(ids), branch=branch, item=item, left_out=left_out)
        return replace(found, unknown=behaviour.unknown(line))

    work = LineWork(
        read=lambda line: behaviour.read_text(line, unknown),
        outputs=lambda decoder, texts: decoder.feed(texts, decoder.initial_state(len(texts)))[0],
        answer=answer,
        description="classifying",
    )
    return answer_in_batches(behaviour.cursor, lines, work)


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
