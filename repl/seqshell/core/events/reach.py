"""The event of /reach: how much each token affected a later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows, rows_of
from seqshell.core.events.display import Table
from seqshell.core.text_output import Short, columns, fixed, short
from seqshell.core.units import in_both, in_unit

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class PartReach:
    """A part of the state, such as `cell[1]`, and the norms of the gradients with respect to it, oldest first."""

    part: str
    norms: tuple[float, ...]
    half_life: float | None


@dataclass(frozen=True)
class Reach(Event):
    """How much each of the last tokens affected the one after them.

    tokens: (text, norm of the gradient of log_prob), oldest first.

    answer: the token that came, or the label, and log_prob its log-probability. half_life: the number of tokens over
    which the norms halve; None if they do not fall. unit: that people see. parts: those of the state, if asked for;
    their norms are of the state in which each token was read.
    """

    tokens: tuple[tuple[str, float], ...]
    answer: str
    log_prob: float
    half_life: float | None
    unit: str = "nats"
    parts: tuple[PartReach, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """The answer, and the norms with their distance; `states` and `half_lives` by part, if there are any."""
        size = len(self.tokens)
        reach = [{"back": size - index, "text": text, "norm": norm} for index, (text, norm) in enumerate(self.tokens)]
        measures = {"logprob": self.log_prob, "half_life": self.half_life, **in_both("surprisal", -self.log_prob)}
        found = {"token": self.answer, **measures, "reach": reach}
        if not self.parts:
            return found
        states = {each.part: each.norms for each in self.parts}
        return {**found, "states": states, "half_lives": {each.part: each.half_life for each in self.parts}}

    def as_rows(self) -> Rows:
        """One row for each token."""
        names, *rows = rows_of(self.as_json()["reach"])
        parts = [(*row, *(each.norms[index] for each in self.parts)) for index, row in enumerate(rows)]
        return [(*names, *(each.part for each in self.parts)), *parts]

    def as_text(self) -> str:
        """A table of the norms, and a summary in a line."""
        size = len(self.tokens)
        rows = [(size - index, repr(text), Short(norm)) for index, (text, norm) in enumerate(self.tokens)]
        whole = [*columns([("back", "token", "|d log p / d embedding|"), *rows]), self._summary()]
        return "\n".join([*whole, *((self.layers().as_text(),) if self.parts else ())])

    def layers(self) -> Table:
        """The norms of each part at distances that double, and its half-life."""
        size = len(self.tokens)
        backs = [2**power for power in range(size.bit_length()) if 2**power <= size]
        rows = [
            (
                each.part,
                *(Short(each.norms[size - back]) for back in backs),
                "none" if each.half_life is None else short(each.half_life),
            )
            for each in self.parts
        ]
        names = ("|d log p / d state|", *(f"{back} back" for back in backs), "half-life")
        return Table(names, tuple(rows), optional=tuple(f"{back} back" for back in reversed(backs[1:])))

    def as_page(self) -> Page:
        """A bar for each token, the summary, and the parts of the state."""
        from seqshell.core.pictures.page import Bars, Grid, Note, Page

        size = len(self.tokens)
        labels = tuple(f"{size - index} {text!r}" for index, (text, _) in enumerate(self.tokens))
        bars = Bars(labels, tuple(norm for _, norm in self.tokens), "|d log p / d embedding|")
        layers = self.layers()
        return Page((bars, Note(self._summary()), *((Grid(layers.columns, layers.rows),) if self.parts else ())))

    def _summary(self) -> str:
        decay = "no half-life: the norms do not fall"
        if self.half_life is not None:
            decay = f"half-life {short(self.half_life)} tokens"
        return f"of {self.answer!r}, log p {fixed(in_unit(self.log_prob, self.unit))} {self.unit}; {decay}"
