"""Points and curves on a plane of characters: braille dots, 2 by 4 in each character, or ASCII marks."""

from __future__ import annotations

import math
from collections.abc import Iterator

# The bit of each dot of a braille character, [column][row from the top].
BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
DOTS = (2, 4)  # of a braille character: columns, rows


class Plane:
    """A plane of `columns` x `rows` characters for x and y from a low to a high end; y grows upwards.

    A character has the style of what was drawn last in it. unicode: braille; else each point is its ASCII mark.
    """

    def __init__(
        self, columns: int, rows: int, x: tuple[float, float], y: tuple[float, float], *, unicode: bool
    ) -> None:
        self.columns, self.rows = columns, rows
        self._dots = DOTS if unicode else (1, 1)
        self._ends = x, y
        self._unicode = unicode
        self._bits: dict[tuple[int, int], int] = {}
        self._looks: dict[tuple[int, int], tuple[str, str]] = {}  # style and mark, by row and column

    def point(self, x: float, y: float, style: str = "", mark: str = "*") -> None:
        """Draw a point; one outside is drawn at the border, one that is no number not at all."""
        if math.isnan(x) or math.isnan(y):
            return
        across = self._place(x, self._ends[0], self.columns * self._dots[0])
        down = self.rows * self._dots[1] - 1 - self._place(y, self._ends[1], self.rows * self._dots[1])
        cell = down // self._dots[1], across // self._dots[0]
        if self._unicode:
            self._bits[cell] = self._bits.get(cell, 0) | BRAILLE[across % DOTS[0]][down % DOTS[1]]
        self._looks[cell] = style, mark

    def mark(self, x: float, y: float, style: str, mark: str) -> None:
        """Draw a character instead of what is there."""
        cell = self.rows - 1 - self._place(y, self._ends[1], self.rows), self._place(x, self._ends[0], self.columns)
        self._bits.pop(cell, None)
        self._looks[cell] = style, mark

    def line(self, row: int) -> Iterator[tuple[str, str]]:
        """(style, text) of the parts of a row, from the top, as wide as the plane."""
        part, last = "", ""
        for column in range(self.columns):
            style, mark = self._looks.get((row, column), ("", " "))
            bits = self._bits.get((row, column), 0)
            if style != last and part:
                yield last, part
                part = ""
            part, last = part + (chr(0x2800 + bits) if bits else mark), style
        yield last, part

    def _place(self, value: float, ends: tuple[float, float], number: int) -> int:
        """The dot of a value, 0 to number - 1."""
        share = (value - ends[0]) / (ends[1] - ends[0])
        return int(min(number - 1, max(0, share * number)))
