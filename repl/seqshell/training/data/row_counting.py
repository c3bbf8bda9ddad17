"""Count the words of texts in a file on all cores, while the places of others are found.

    python -m seqshell.training.data.row_counting

is one of the processes. It counts the words of the texts whose places it gets until these are empty, then answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from seqshell.core.errors import RecipeError
from seqshell.core.word_counts import CountedText, counted
from seqshell.training.data.cell_blocks import Cells
from seqshell.training.data.file_rows import FileContent
from seqshell.training.data.large_text import LargeText
from seqshell.training.data.token_rows import TextRows
from seqshell.training.data.word_counting import (
    answer_counts,
    given_contents,
    received_counts,
    row_counts,
    usual_part,
)
from seqshell.training.data.word_numbers import MOST_REMEMBERED, word_counts
from seqshell.training.data.worker_processes import WorkerProcesses, given, num_workers, packed, texts_of, unpacked


class RowCounting(ExitStack):
    """A context in which processes count the words of texts in a file, unless there are none."""

    def __init__(self, text: LargeText) -> None:
        super().__init__()
        self._text, self._state, self._turn = text, text.state(), 0
        job = {"path": str(text.path.absolute()), "size": text.size, "state": self._state}
        self._workers = self.enter_context(WorkerProcesses(__name__, job, num_workers(text.size)))

    def __len__(self) -> int:
        return len(self._workers)

    def add(self, cells: Cells) -> None:
        """Count the words of some texts."""
        sizes, changed = cells.sizes, list(filter(None, cells.changed.values()))
        if cells.changed:
            sizes = sizes.copy()
            sizes[list(cells.changed)] = 0
        lengths = np.fromiter(map(len, changed), np.int64, len(changed))
        content = packed(np.concatenate((cells.starts, sizes)), packed(lengths, b"".join(changed)))
        self._workers.send(self._turn % len(self._workers), content)
        self._turn += 1

    def end(self) -> None:
        """There are no more texts."""
        for number in range(len(self._workers)):
            self._workers.send(number, b"")

    def counts(self, left_out: TextRows | None = None) -> Iterator[CountedText]:
        """What `row_counts` gives for all texts besides some of them.

        Raises RecipeError if the file has changed, or if a process is killed.
        """
        left, found = Counter[str](), Counter[str]()
        if left_out is not None:
            for text, number in map(counted, row_counts(left_out, int(left_out.lengths.sum(dtype=np.int64)))):
                left[text] += number

        def rest() -> Iterator[CountedText]:
            for text, number in found.items():
                out = min(number, left.get(text, 0))
                if out:
                    left[text] -= out
                if number > out:
                    yield text, number - out
            found.clear()

        try:
            for text, number in received_counts(self._workers):
                found[text] += number
                if len(found) > MOST_REMEMBERED:
                    yield from rest()
        except RecipeError:
            self._text.part(0, 0, self._state)
            raise
        yield from rest()


def _parts(content: FileContent, given: Iterable[bytes], others: list[str]) -> Iterator[bytes]:
    """The texts whose places come, as parts of a text; those that begin with a tab or the like are added to others."""
    for each in given_contents(given):
        places, rest = unpacked(each)
        joined, more = content.joined(*np.split(places, 2))
        yield b" " + joined if joined else b""
        yield usual_part(more + texts_of(*unpacked(rest)), others)


def _work() -> None:
    """Count what comes."""
    job, places = given()
    text, others = LargeText(Path(job["path"])), list[str]()
    content = FileContent(text, job["size"], tuple(job["state"]), np.zeros(0, np.uint8))

    def found() -> Iterator[tuple[str, int]]:
        yield from word_counts(_parts(content, places, others))
        yield from map(counted, others)

    with suppress(RecipeError):  # the file has changed, which the caller finds, too
        answer_counts(found())


if __name__ == "__main__":
    _work()
