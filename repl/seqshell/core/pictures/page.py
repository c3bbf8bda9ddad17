"""A page, and the blocks that it consists of: plain values, which say what there is to see, and not how it is drawn.

Texts in blocks need not be safe: the writers escape them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqshell.core.colours import share_of


@dataclass(frozen=True)
class Scale:
    """The range of some values, and what they are, such as `nats` or `cell[1,147]`.

    It is two-sided, with its middle at 0, if `low` is below 0; else it begins at `low`.
    """

    low: float
    high: float
    unit: str = ""

    @property
    def is_two_sided(self) -> bool:
        """True if its middle is 0."""
        return self.low < 0

    @property
    def ends(self) -> tuple[float, float]:
        """The values of its first and last colour."""
        size = max(-self.low, self.high)
        return (-size, size) if self.is_two_sided else (self.low, self.high)

    def share(self, value: float) -> float:
        """Where a value is: -1 to 1 if the scale is two-sided, else 0 to 1. NaN is 0."""
        return 0.0 if math.isnan(value) else share_of(value, self.low, self.high)

    def text(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.4g} {self.unit}".rstrip()


def surprisal_scale(values: Sequence[float], unit: str) -> Scale:
    """The scale of the surprisals of tokens, from 0.

    Three times their mean has the strongest colour, or the largest if it is smaller: one outlier leaves the others
    their colours.
    """
    finite = [value for value in values if math.isfinite(value)] or [1.0]
    return Scale(0.0, min(max(finite), 3 * math.fsum(finite) / len(finite)), unit)


@dataclass(frozen=True)
class Heading:
    """The title of the blocks after it. note: beside it, smaller."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Note:
    """A line of explanation, such as the measures of what is shown."""

    text: str


@dataclass(frozen=True)
class Plain:
    """A text in which each character has the same width."""

    text: str


@dataclass(frozen=True)
class Piece:
    """A part of a text. value: its colour on the scale, if any. note: shown beside it. bold: the user wrote it."""

    text: str
    value: float | None = None
    note: str = ""
    bold: bool = False


@dataclass(frozen=True)
class Passage:
    """A text, in pieces; with a scale, those with values are coloured, and a legend follows."""

    pieces: tuple[Piece, ...]
    scale: Scale | None = None


def note_of(piece: Piece, scale: Scale | None) -> str:
    """What is shown beside a piece: itself with its value, if it has one, and its note."""
    if scale is None or piece.value is None:
        return piece.note
    return " · ".join(filter(None, (repr(piece.text), scale.text(piece.value), piece.note)))


@dataclass(frozen=True)
class Grid:
    """Rows under the names of columns; cells are str, int, float, bool or None."""

    columns: tuple[str, ...]
    rows: tuple[Sequence[Any], ...]
    title: str = ""


@dataclass(frozen=True)
class HeatMap:
    """Values [rows, columns] as colours, with the labels of both."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Sequence[Sequence[float]]
    scale: Scale = Scale(0.0, 1.0)


@dataclass(frozen=True)
class Bars:
    """A number for each label, as bars from 0. notes: of each, shown beside its value."""

    labels: tuple[str, ...]
    values: tuple[float, ...]
    title: str = ""
    unit: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Twig:
    """A part of a tree: its label, its probability if it has one, a note, and what follows it.

    marked: it is where the user is. dim: it leads nowhere.
    """

    label: str
    probability: float | None = None
    note: str = ""
    twigs: tuple[Twig, ...] = ()
    marked: bool = False
    dim: bool = False


@dataclass(frozen=True)
class Tree:
    """What follows what, such as tokens or branches."""

    twigs: tuple[Twig, ...]
    title: str = ""


@dataclass(frozen=True)
class Axis:
    """A direction of a scatter plot: what it is, and its ends."""

    title: str
    low: float = 0.0
    high: float = 1.0

    def share(self, value: float) -> float:
        """Where a value is between the ends, 0 to 1."""
        size = self.high - self.low
        return min(1.0, max(0.0, (value - self.low) / size)) if size > 0 and math.isfinite(value) else 0.0


@dataclass(frozen=True)
class Scatter:
    """Points (x, y, label), in a frame with two axes. guide: a line through points (x, y), to compare with."""

    points: tuple[tuple[float, float, str], ...]
    x: Axis
    y: Axis
    title: str = ""
    guide: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Curve:
    """Values at start, start + 1, ... or at `steps`. low, high: a band around them, if any.

    is_main: drawn in the colour of bars; with a category, in the colour of this number. has_dots: a dot at each value.
    """

    label: str
    start: int
    values: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    is_main: bool = True
    steps: tuple[int, ...] = ()
    category: int | None = None
    has_dots: bool = False

    @property
    def places(self) -> Sequence[int]:
        """The step of each value."""
        return self.steps or range(self.start, self.start + len(self.values))


@dataclass(frozen=True)
class Curves:
    """Values over steps, as lines. x: what the steps are. names: of some steps, instead of their numbers."""

    curves: tuple[Curve, ...]
    title: str = ""
    x: str = ""
    names: tuple[tuple[int, str], ...] = ()


Block = Heading | Note | Plain | Passage | Grid | HeatMap | Bars | Tree | Scatter | Curves


@dataclass(frozen=True)
class Page:
    """What an event looks like outside a terminal: blocks below each other. about: a line below the title."""

    blocks: tuple[Block, ...]
    title: str = ""
    about: str = ""
