"""A large text in blocks of whole lines, as bytes, which threads read while the next ones come."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from seqshell.training.data.large_text import LargeText, Report

Found = TypeVar("Found")
BLOCK = 1 << 22  # bytes that are read together
AHEAD = 2  # blocks for each thread that are in memory


def line_blocks(text: LargeText, first: int, last: int, report: Report) -> Iterator[bytes]:
    """The lines of a text in UTF-8 in blocks. first: lines that are left out. last: lines of the last block."""
    rest, is_begun = b"", False
    for block in text.contents(report, BLOCK):
        rest = rest + block if is_begun else (rest + block).removeprefix(codecs.BOM_UTF8)
        if not is_begun:
            place = 0
            for _ in range(first):
                place = rest.find(b"\n", place) + 1
                if not place:
                    break
            if first and not place:
                continue
            rest, is_begun = rest[place:], True
        end = len(rest)
        for _ in range(last + 1):
            end = rest.rfind(b"\n", 0, end)
            if end < 0:
                break
        if end >= 0:
            yield rest[: end + 1]
            rest = rest[end + 1 :]
    yield rest


class ReadBlocks(Generic[Found]):
    """A context in which threads read blocks, in their order. read: called in a thread with each but the last."""

    def __init__(self, blocks: Iterator[bytes], read: Callable[[bytes], Found], threads: int) -> None:
        self._blocks, self._read, self._size = blocks, read, 1 + AHEAD * threads
        self._pool = ThreadPoolExecutor(threads, "seqshell-lines")
        self._waiting: deque[tuple[bytes, Future[Found]]] = deque()

    def __enter__(self) -> ReadBlocks[Found]:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[bytes, Found]]:
        """The blocks that are left but the last, and what was read of each."""
        for block in self._blocks:
            self._waiting.append((block, self._pool.submit(self._read, block)))
            if len(self._waiting) > self._size:
                lines, found = self._waiting.popleft()
                yield lines, found.result()
        while len(self._waiting) > 1:
            lines, found = self._waiting.popleft()
            yield lines, found.result()

    def left(self) -> Iterator[bytes]:
        """The blocks that were not given yet."""
        while self._waiting:
            yield self._waiting.popleft()[0]
        yield from self._blocks
