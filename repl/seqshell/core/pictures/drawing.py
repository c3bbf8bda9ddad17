"""Shapes at their places in pixels, which SVG and PNG draw alike, and the size of text in a monospaced font."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from seqshell.core.sanitize import safe

FONT = 14.0  # pixels
CHARACTER = 8.4  # the width of a character: 0.6 of the size in every common monospaced font
LINE = 20.0  # the height of a line
ASCENT = 15.0  # from the top of a line to its baseline


@dataclass(frozen=True)
class Box:
    """A filled rectangle. paint: the name of its colour. note: shown beside the mouse."""

    x: float
    y: float
    width: float
    height: float
    paint: str
    note: str = ""


@dataclass(frozen=True)
class Words:
    """A text in one line, from x, on the baseline y. turned: written upwards. end: x is where it ends."""

    x: float
    y: float
    text: str
    paint: str = "text"
    bold: bool = False
    turned: bool = False
    end: bool = False

    @property
    def length(self) -> float:
        """Its length in pixels."""
        return width_of(self.text) * CHARACTER


@dataclass(frozen=True)
class Stroke:
    """A straight line."""

    x: float
    y: float
    to_x: float
    to_y: float
    paint: str = "rule"


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    paint: str
    note: str = ""


@dataclass(frozen=True)
class Track:
    """A line through points (x, y), or the area between them."""

    points: tuple[tuple[float, float], ...]
    paint: str
    filled: bool = False


Shape = Box | Words | Stroke | Dot | Track


@dataclass
class Drawing:
    """Shapes, later ones above earlier ones. down: where the next block begins; across: the width that is in use."""

    across: float = 0.0
    down: float = 0.0
    shapes: list[Shape] = field(default_factory=list)

    def add(self, shape: Shape) -> None:
        """Draw a shape."""
        self.shapes.append(shape)

    def write(self, text: str, x: float, paint: str = "text", *, bold: bool = False) -> float:
        """Write a text on the current line. Returns where it ends."""
        words = Words(x, self.down + ASCENT, text, paint, bold)
        if text.strip():
            self.add(words)
        self.across = max(self.across, x + words.length)
        return x + words.length

    def end_line(self, lines: float = 1.0) -> None:
        """Go to the next line."""
        self.down += lines * LINE


def shown(text: str, most: int = 0) -> str:
    """A text in one line, safe. most: the columns that it may have, if there is a limit."""
    text = safe(text).replace("\n", "↵").replace("\t", "→")
    return text if not most or len(text) <= most else text[: most - 1] + "…"


def width_of(text: str) -> int:
    """The columns of a text in a monospaced font: two for an East Asian wide character, none for a combining mark."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
