"""The event of /probe: what linear classifiers read from the parts of a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.events.display import Table
from seqshell.core.text_output import Fixed

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

MAX_NAMES = 6  # labels that the note names


@dataclass(frozen=True)
class ProbeScore:
    """The held-out accuracy of a probe of one part of the state, which has `size` numbers, and that of its control."""

    part: str
    size: int
    accuracy: float
    control: float

    @property
    def selectivity(self) -> float:
        """The accuracy minus that of the control task."""
        return self.accuracy - self.control


@dataclass(frozen=True)
class Probes(Event):
    """Probes of all parts of a state. majority: the accuracy of always saying the most frequent label.

    labels: the names. num_training, num_test: how many labelled tokens they were fitted to and tested on. left_out:
    (leaf, reason) of what was not probed.
    """

    labels: tuple[str, ...]
    scores: tuple[ProbeScore, ...]
    majority: float
    num_training: int
    num_test: int
    left_out: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """The labels, the majority, and each probe."""
        names, *rows = self.as_rows()
        return {
            "labels": self.labels,
            "majority": self.majority,
            "training": self.num_training,
            "test": self.num_test,
            "left_out": [{"leaf": leaf, "reason": reason} for leaf, reason in self.left_out],
            "probes": [dict(zip(names, row, strict=True)) for row in rows],
        }

    def as_rows(self) -> Rows:
        """One row for each probe."""
        rows = [
            (each.part, each.size, each.accuracy, self.majority, each.control, each.selectivity) for each in self.scores
        ]
        return [("part", "size", "accuracy", "majority", "control", "selectivity"), *rows]

    def table(self) -> Table:
        """The probes as people read them."""
        names, *rows = self.as_rows()
        shown = tuple(tuple(Fixed(cell) if isinstance(cell, float) else cell for cell in row) for row in rows)
        return Table(tuple(names), shown, optional=("size", "selectivity"))

    def notes(self) -> tuple[str, ...]:
        """What the numbers are of, and what was left out."""
        more = f" and {len(self.labels) - MAX_NAMES} more" if len(self.labels) > MAX_NAMES else ""
        named = ", ".join(self.labels[:MAX_NAMES]) + more
        about = (
            f"labels {named} · {self.num_training:,} tokens to train, {self.num_test:,} to test · "
            "control: a random label for each type of word"
        )
        listed = ", ".join(f"{leaf} {reason}" for leaf, reason in self.left_out)
        return (about, f"left out: {listed}") if listed else (about,)

    def as_page(self) -> Page:
        """The table and the notes."""
        from seqshell.core.pictures.page import Note, Page

        return Page((*self.table().as_page().blocks, *map(Note, self.notes())))

    def as_text(self) -> str:
        """The table and the notes."""
        return "\n".join([self.table().as_text(), *self.notes()])
