"""Where the cells of many lines of a table are, found in its bytes; lines that need a parser of CSV are left to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tables.plain_numbers import PADDING

LINE_END, QUOTE, SPACE = 10, 34, 32
WORD = 8


@dataclass(frozen=True)
class CellPlaces:
    """The cells of N lines: content[starts[n, c] : ends[n, c]]. content: PADDING bytes, and the lines between them."""

    content: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def texts(self, column: int, rows: slice = slice(None)) -> list[str]:
        """The cells of a column."""
        whole = self.content.tobytes()
        places = zip(self.starts[rows, column].tolist(), self.ends[rows, column].tolist(), strict=True)
        return [whole[start:end].decode() for start, end in places]

    def words(self, column: int) -> list[NDArray[np.uint64]]:
        """The cells of a column in integers [N] of eight bytes, with zeros behind them."""
        starts = self.starts[:, column]
        sizes = self.ends[:, column] - starts
        view = np.ndarray((len(self.content) - WORD + 1,), "<u8", self.content, 0, (1,))
        found = []
        for place in range(0, max(1, int(sizes.max())), WORD):
            left_out = (WORD * (WORD - np.clip(sizes - place, 0, WORD))).astype(np.uint64)  # bits
            found.append(view[np.minimum(starts + place, len(view) - 1)] << left_out >> left_out)
        return found

    def text(self, row: int, column: int) -> str:
        """A cell."""
        return self.content[self.starts[row, column] : self.ends[row, column]].tobytes().decode()

    def matrix(self, column: int) -> NDArray[np.uint8] | None:
        """The bytes [N, W] of the cells of a column; None if they are not of the same size."""
        starts = self.starts[:, column]
        sizes = self.ends[:, column] - starts
        width = int(sizes[0])
        if not width or (sizes != width).any():
            return None
        view = np.ndarray((len(self.content) - width + 1,), f"V{width}", self.content, 0, (1,))
        return view[starts].view(np.uint8).reshape(-1, width)


def find_cells(lines: bytes, delimiter: str) -> CellPlaces | None:
    """The cells of whole lines, without the quotation marks around them.

    None for a blank line, lines with more or fewer cells than the first, and what only a parser of CSV divides:
    delimiters and marks within cells in quotes, or line ends of old Macs.
    """
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
    separator = delimiter.encode()
    if b"\r" in lines or len(separator) > 1 or not lines.endswith(b"\n"):
        return None
    content = np.frombuffer(b"".join((bytes(PADDING), lines, bytes(PADDING))), np.uint8)
    is_end = content == LINE_END
    number = int(np.count_nonzero(is_end))
    if separator:
        is_end |= content == separator[0]
    places = np.flatnonzero(is_end)
    columns = len(places) // number
    if len(places) != columns * number:
        return None
    ends = places.reshape(-1, columns)
    starts = np.concatenate(([PADDING], places[:-1] + 1)).reshape(-1, columns)
    if (content[ends[:, -1]] != LINE_END).any() or (columns == 1 and (starts == ends).any()):
        return None
    if b'"' in lines:
        is_quoted = content[starts] == QUOTE
        is_quoted &= (content[ends - 1] == QUOTE) & (ends - starts > 1)
        if 2 * int(is_quoted.sum()) != lines.count(b'"'):
            return None
        starts, ends = starts + is_quoted, ends - is_quoted
    return CellPlaces(content, starts, ends)
