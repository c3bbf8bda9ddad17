"""The event of /gates: how a model uses its gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.events.display import Table
from seqshell.core.text_output import Fixed, counted, short

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

LONGEST = 3  # units with the longest half-lives in a table


@dataclass(frozen=True)
class GateUnits:
    """The units of a gate in a layer: at which share of the tokens each is left- and right-saturated, and its mean.

    units: the addresses of what each belongs to. half_lives: in tokens, None for units that keep all; empty unless the
    gate is the share that a step keeps.
    """

    gate: str
    layer: int
    units: tuple[str, ...]
    left: tuple[float, ...]
    right: tuple[float, ...]
    mean: tuple[float, ...]
    half_lives: tuple[float | None, ...] = ()

    @property
    def median(self) -> float | None:
        """The median half-life; None if there is none, or if it is infinite."""
        lengths = sorted(float("inf") if each is None else each for each in self.half_lives)
        found = lengths[(len(lengths) - 1) // 2] if lengths else float("inf")
        return None if found == float("inf") else found

    def longest(self, number: int = LONGEST) -> tuple[tuple[str, float | None], ...]:
        """The units with the longest half-lives, and these."""
        order = sorted(
            range(len(self.half_lives)),
            key=lambda place: float("-inf") if self.half_lives[place] is None else -(self.half_lives[place] or 0.0),
        )
        return tuple((self.units[place], self.half_lives[place]) for place in order[:number])


@dataclass(frozen=True)
class Gates(Event):
    """How a model used its gates at `num_tokens` tokens; gates: those of the first layer first."""

    gates: tuple[GateUnits, ...]
    num_tokens: int

    def as_json(self) -> Mapping[str, Any]:
        """For each gate and layer the mean shares, and the numbers of each unit."""
        return {"tokens": self.num_tokens, "gates": [_as_json(each) for each in self.gates]}

    def as_rows(self) -> Rows:
        """One row for each unit of each gate."""
        rows = [
            (each.gate, unit, left, right, mean, each.half_lives[place] if each.half_lives else None)
            for each in self.gates
            for place, (unit, left, right, mean) in enumerate(
                zip(each.units, each.left, each.right, each.mean, strict=True)
            )
        ]
        return [("gate", "unit", "left", "right", "mean", "half_life"), *rows]

    def table(self) -> Table:
        """A row for each gate and layer."""
        names = ("gate", "units", "left", "right", "half-life", "longest")
        return Table(names, tuple(map(_row, self.gates)), optional=("units", "longest"))

    def note(self) -> str:
        """What the numbers are."""
        return (
            f"{counted(self.num_tokens)} · left: mean share of them at which a unit is below 0.1, right: above 0.9 · "
            "half-life: median, in tokens"
        )

    def as_page(self) -> Page:
        """A scatter plot for each gate and layer (Karpathy et al. 2015), and the table."""
        from seqshell.core.pictures.page import Axis, Note, Page, Scatter

        left, right = Axis("left: share below 0.1"), Axis("right: share above 0.9")
        plots = [
            Scatter(
                tuple(zip(each.left, each.right, each.units, strict=True)), left, right, each.gate, ((0, 1), (1, 0))
            )
            for each in self.gates
        ]
        return Page((*plots, *self.table().as_page().blocks, Note(self.note())), "Gates")

    def as_text(self) -> str:
        """The table, and what its numbers are."""
        return f"{self.table().as_text()}\n{self.note()}"


def _row(each: GateUnits) -> tuple[Any, ...]:
    from statistics import fmean

    longest = "  ".join(f"{unit} {_tokens(length)}" for unit, length in each.longest())
    left, right = (Fixed(fmean(shares)) for shares in (each.left, each.right))
    return each.gate, len(each.units), left, right, _tokens(each.median) if each.half_lives else "", longest


def _tokens(length: float | None) -> str:
    return "always" if length is None else short(length)


def _as_json(each: GateUnits) -> Mapping[str, Any]:
    from statistics import fmean

    lasting = {
        "half_life": each.median,
        "longest": [{"unit": unit, "half_life": length} for unit, length in each.longest()],
        "half_lives": each.half_lives,
    }
    return {
        "gate": each.gate,
        "left": fmean(each.left),
        "right": fmean(each.right),
        **(lasting if each.half_lives else {}),
        "units": each.units,
        "left_shares": each.left,
        "right_shares": each.right,
        "means": each.mean,
    }
