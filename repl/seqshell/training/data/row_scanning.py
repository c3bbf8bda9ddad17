"""Find the cells of a large file block by block, each block in a thread, which numpy lets run beside others."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.named_files import opened
from seqshell.core.tables.encoding import find_encoding
from seqshell.core.text_files import PACKED
from seqshell.core.threads import available_cores
from seqshell.training.data import large_text
from seqshell.training.data.cell_blocks import CellBlock, Irregular, Layout, end_of_rows, read_cells
from seqshell.training.data.large_text import LargeText, Report

LONGEST = 1 << 26  # bytes of a row
MOST_THREADS = 4
TAIL = 201  # the last rows, which show whether the last one has totals


def start_of_text(text: LargeText, lines: int) -> int:
    """The byte at which a text in UTF-8 begins, after some lines. Raises Irregular for another encoding."""
    if text.path.name.lower().endswith(PACKED):
        raise Irregular
    with opened(text.path, error=RecipeError) as file:
        beginning = file.read(large_text.BLOCK)
        try:
            encoding = find_encoding(beginning, text.name, text.encoding)
        except UsageError:
            raise Irregular from None
        if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
            raise Irregular
        start = len(codecs.BOM_UTF8) if beginning.startswith(codecs.BOM_UTF8) else 0
        file.seek(start)
        for _ in range(lines):
            file.readline(LONGEST)
        return int(file.tell())


def end_of_first_row(text: LargeText, layout: Layout, start: int) -> int:
    """The byte at which the row ends that begins at `start`."""
    place, content = next(_contents(text, layout, start))
    end = content.index(b"\n") + 1
    while layout.is_quoted and content.count(b'"', 0, end) % 2:
        end = content.index(b"\n", end) + 1
    return place + end


def scan_rows(
    text: LargeText,
    layout: Layout,
    start: int,
    report: Report,
    ends_in_total: Callable[[bytes], bool] = lambda tail: False,
) -> Iterator[CellBlock]:
    """The cells of a file from the byte `start` on, at which a row begins, without a last row of totals.

    ends_in_total: whether the last of some rows, the last ones of the file, is one. Raises Irregular, when a block is
    asked for, if rows must be read one by one.
    """
    held: CellBlock | None = None  # of the last rows so far
    tail = deque[int](maxlen=TAIL)
    for block in _blocks(text, layout, start, report):
        tail.extend(block.starts[-TAIL:].tolist())
        if held is not None:
            yield held
        held = block
    if held is None:
        return
    if not layout.is_lines and ends_in_total(text.part(tail[0], text.size, text.state())):
        held = held.at(np.arange(len(held.starts)) < len(held.starts) - 1)
    yield held


def _blocks(text: LargeText, layout: Layout, start: int, report: Report) -> Iterator[CellBlock]:
    """The blocks with rows, which are read ahead."""
    size, number = text.size, 0
    with ThreadPoolExecutor(min(MOST_THREADS, available_cores())) as pool:
        waiting = deque[tuple[int, int, Future[CellBlock]]]()
        try:
            for place, content in _contents(text, layout, start):
                waiting.append((place, len(content), pool.submit(read_cells, content, layout)))
                while len(waiting) > 2 * MOST_THREADS:
                    block, number = _placed(*waiting.popleft(), number)
                    report(min(size, place), size)
                    if len(block.starts):
                        yield block
            for place, length, future in waiting:
                block, number = _placed(place, length, future, number)
                report(min(size, place + length), size)
                if len(block.starts):
                    yield block
        finally:
            for *_, future in waiting:
                future.cancel()


def _placed(place: int, length: int, future: Future[CellBlock], number: int) -> tuple[CellBlock, int]:
    """A block with its places in the file, and the number of the row after it. number: of its first row."""
    block = future.result()
    columns = tuple(replace(cells, starts=cells.starts + place) for cells in block.columns)
    end = number + block.end
    return CellBlock(columns, block.starts + place, block.numbers + number, end), end


def _contents(text: LargeText, layout: Layout, start: int) -> Iterator[tuple[int, bytes]]:
    """The bytes of complete rows, and their place in the file. The last row ends in LF, too."""
    rest = b""
    with opened(text.path, error=RecipeError) as file:
        file.seek(start)
        while content := file.read(large_text.BLOCK):
            content = rest + content
            end = end_of_rows(content, layout)
            if end:
                yield start, content[:end]
            start, rest = start + end, content[end:]
            if len(rest) > LONGEST:
                raise Irregular
    if rest:
        yield start, rest + b"\n"
