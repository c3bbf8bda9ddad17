"""The tree of a search: all hypotheses, with those that no answer came of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import Fixed, columns, counted, fixed

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page, Twig


@dataclass(frozen=True)
class BeamNode:
    """Tokens of a search of which each is the only one that follows, and what follows the last of them.

    log_prob: of all tokens up to the last one. score: the best of the answers that end there; None if none does. best:
    the best score of all answers through it; None in a dead end. is_answer: it belongs to the answer that was chosen.
    """

    ids: tuple[int, ...]
    text: str
    log_prob: float
    children: tuple[BeamNode, ...]
    score: float | None
    best: float | None
    is_answer: bool

    def as_json(self) -> Mapping[str, Any]:
        """Its fields."""
        fields = {"ids": list(self.ids), "text": self.text, "logprob": self.log_prob, "score": self.score}
        found = {**fields, "best": self.best, "answer": self.is_answer}
        return {**found, "children": [child.as_json() for child in self.children]}


@dataclass(frozen=True)
class BeamLine:
    """A line of a drawing. last: for each level down to this one, whether no other line of that level follows."""

    beam: BeamNode
    last: tuple[bool, ...]


@dataclass(frozen=True)
class Beams(Event):
    """All hypotheses of the search for the last answer, as a tree. strategy: as the user writes it."""

    strategy: str
    beams: tuple[BeamNode, ...]

    def title(self) -> str:
        """What it shows."""
        lines = list(self.lines())
        ended = sum(line.beam.score is not None for line in lines)
        dead = sum(line.beam.best is None and not line.beam.children for line in lines)
        return f"{self.strategy} · {ended:,} finished · {counted(dead, 'dead end')}"

    def lines(self) -> Iterator[BeamLine]:
        """The lines of a drawing, from top to bottom."""
        return _lines(self.beams, ())

    def as_json(self) -> Mapping[str, Any]:
        """The tree as nested objects."""
        return {"strategy": self.strategy, "beams": [beam.as_json() for beam in self.beams]}

    def as_rows(self) -> Rows:
        """One row for each line of the tree."""
        rows = (
            (len(line.last), line.beam.text, line.beam.log_prob, line.beam.score, line.beam.best, line.beam.is_answer)
            for line in self.lines()
        )
        return [("depth", "text", "logprob", "score", "best", "answer"), *rows]

    def as_text(self) -> str:
        """One line for each part of the tree; a star marks the answer, a minus sign a dead end."""
        rows = [
            (
                "*" if line.beam.is_answer else "-" if line.beam.best is None else "",
                "  " * (len(line.last) - 1) + repr(line.beam.text),
                Fixed(line.beam.log_prob),
                "" if line.beam.score is None else fixed(line.beam.score),
            )
            for line in self.lines()
        ]
        return "\n".join([self.title(), *columns([("", "tokens", "logprob", "score"), *rows])])

    def as_page(self) -> Page:
        """The tree, dead ends dimmed."""
        from seqshell.core.pictures.page import Page, Tree

        return Page((Tree(tuple(map(_twig, self.beams)), self.title()),))


def _twig(beam: BeamNode) -> Twig:
    from seqshell.core.pictures.page import Twig

    note = fixed(beam.log_prob) + ("" if beam.score is None else f", score {fixed(beam.score)}")
    twigs = tuple(map(_twig, beam.children))
    return Twig(repr(beam.text), math.exp(beam.log_prob), note, twigs, marked=beam.is_answer, dim=beam.best is None)


def _lines(beams: tuple[BeamNode, ...], last: tuple[bool, ...]) -> Iterator[BeamLine]:
    for number, beam in enumerate(beams, 1):
        ends = (*last, number == len(beams))
        yield BeamLine(beam, ends)
        yield from _lines(beam.children, ends)
