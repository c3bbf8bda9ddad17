"""Two continuations of one text, side by side."""

from __future__ import annotations

import math
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.events.display import Table
from seqshell.core.text_output import Fixed, counted, fixed
from seqshell.core.units import in_both, in_unit

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page, Piece

WIDTH = 18  # characters of a column
BAR = 10  # characters of the longest bar: ln 2 nats, where two distributions have nothing in common


@dataclass(frozen=True)
class AgainstStep:
    """What both wrote in one step, as bytes; differs: they are different tokens, or texts if the vocabularies differ.

    divergence: the Jensen-Shannon divergence of what could come, in nats; None if the vocabularies differ.
    """

    a: bytes
    b: bytes
    divergence: float | None
    differs: bool


@dataclass(frozen=True)
class Against(Event):
    """Two continuations in lock-step, a and b, with the same random numbers. unit: that people see."""

    a: str
    b: str
    steps: tuple[AgainstStep, ...]
    unit: str = "nats"

    @property
    def first(self) -> int | None:
        """The index of the first step that differs; None if there is none."""
        return next((index for index, step in enumerate(self.steps) if step.differs), None)

    def as_json(self) -> Mapping[str, Any]:
        """Where they first differ, from 1, and the steps."""
        steps = [
            {"a": _text(step.a), "b": _text(step.b), "differs": step.differs, **in_both("js", step.divergence)}
            for step in self.steps
        ]
        texts = {side: _text(b"".join(getattr(step, side) for step in self.steps)) for side in ("a", "b")}
        first = None if self.first is None else self.first + 1
        names = {"names": [self.a, self.b]}
        return {**names, "text_a": texts["a"], "text_b": texts["b"], "first": first, "steps": steps}

    def as_rows(self) -> Rows:
        """One row for each step, in the unit."""
        rows = (
            (number, _text(step.a), _text(step.b), self._in_unit(step.divergence), step.differs)
            for number, step in enumerate(self.steps, 1)
        )
        return [("step", "a", "b", "divergence", "differs"), *rows]

    def table(self, full: str = "█") -> Table:
        """Both texts in columns of WIDTH characters, with the mean divergence of each row, and as a bar of `full`."""
        rows = []
        for steps in self._lines():
            found = [step.divergence for step in steps if step.divergence is not None]
            mean = math.fsum(found) / len(found) if found else None
            bar = full * round(BAR * mean / math.log(2)) if mean is not None else ""
            mark = "*" if any(step.differs for step in steps) else ""
            texts = (repr(_text(b"".join(getattr(step, side) for step in steps))) for side in ("a", "b"))
            rows.append((*texts, mark, None if mean is None else Fixed(in_unit(mean, self.unit)), bar))
        return Table((self.a, self.b, "", "divergence", ""), tuple(rows), optional=("divergence",))

    def _in_unit(self, nats: float | None) -> float | None:
        return None if nats is None else in_unit(nats, self.unit)

    def _lines(self) -> Iterator[list[AgainstStep]]:
        """The steps of each row."""
        widths, size = [], 0
        for step in self.steps:
            longest = max(len(_text(step.a)), len(_text(step.b)), 1)
            size = size + longest if (size % WIDTH) + longest <= WIDTH else (size // WIDTH + 1) * WIDTH + longest
            widths.append((size - 1) // WIDTH)
        rows = zip(self.steps, widths, strict=True)
        for _, group in groupby(rows, key=lambda row: row[1]):
            yield [step for step, _ in group]

    def summary(self) -> str:
        """Where they first differ, and what the bars are, in one line."""
        return " · ".join(filter(None, (self._difference(), self.legend())))

    def legend(self) -> str:
        """What the divergence is, and a full bar; empty if the vocabularies differ."""
        if all(step.divergence is None for step in self.steps):
            return ""
        return f"divergence: Jensen-Shannon, in {self.unit}; a full bar is {fixed(in_unit(math.log(2), self.unit))}"

    def _difference(self) -> str:
        size = counted(len(self.steps), "step")
        if self.first is None:
            largest = self._in_unit(max((step.divergence or 0.0 for step in self.steps), default=0.0))
            return f"{size}: they never differ" + (
                f"; the largest divergence is {largest:.2g} {self.unit}" if largest else ""
            )
        before = _text(b"".join(step.a for step in self.steps[: self.first]))[-WIDTH:]
        step = self.steps[self.first]
        there = f"{_text(step.a)!r} and {_text(step.b)!r}"
        return f"{size}: they first differ at step {self.first + 1:,}, after {before!r}: {there}"

    def as_text(self) -> str:
        """The table, and where they first differ."""
        return f"{self.table().as_text()}\n{self.summary()}"

    def as_page(self) -> Page:
        """Both texts, coloured by the divergence at each step, the divergence as a line, and where they differ."""
        from seqshell.core.pictures.page import Block, Curve, Curves, Heading, Note, Page, Passage, Scale

        scale = Scale(0.0, in_unit(math.log(2), self.unit), self.unit)
        found = [self._in_unit(step.divergence) for step in self.steps]
        blocks: list[Block] = [Note(self.summary())]
        for name, side in ((self.a, "a"), (self.b, "b")):
            blocks += [Heading(name), Passage(tuple(self._pieces(side, found)), scale if any(found) else None)]
        if any(found):
            values = tuple(math.nan if each is None else each for each in found)
            blocks.append(Curves((Curve("divergence", 1, values),), f"Divergence in {self.unit}", "step"))
        return Page(tuple(blocks), f"{self.a} against {self.b}")

    def _pieces(self, side: str, found: list[float | None]) -> Iterator[Piece]:
        """The text of each step of one side; the first one that differs says so."""
        from seqshell.core.pictures.page import Piece

        decoder = getincrementaldecoder("utf-8")("replace")
        for index, (step, value) in enumerate(zip(self.steps, found, strict=True)):
            note = f"step {index + 1}" + (" · the first that differs" if index == self.first else "")
            yield Piece(decoder.decode(getattr(step, side)), value, note, bold=index == self.first)


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "replace")
