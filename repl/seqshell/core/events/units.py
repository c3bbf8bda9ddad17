"""Events of single units of a state: how well each follows a label of the tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows, rows_of
from seqshell.core.events.display import Table
from seqshell.core.text_output import Fixed, Short, fixed

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

MAX_SHOWN = 10  # units in the table; JSON and files have all


@dataclass(frozen=True)
class UnitScore:
    """A unit, its AUC from 0.5 to 1, and its mean inside and outside. sign: -1 if the unit is smaller inside."""

    unit: str
    auc: float
    sign: int
    inside: float
    outside: float


@dataclass(frozen=True)
class UnitRanking(Event):
    """The units of a state, best first, by how well each tells tokens inside from those outside.

    about: what is inside. tokens: their number, and `inside` of them are. chance: the best AUC of all units for each of
    the labels that were moved along the text in a circle. text: what was read.
    """

    about: str
    text: str
    tokens: int
    inside: int
    units: tuple[UnitScore, ...]
    chance: tuple[float, ...]

    def as_json(self) -> Mapping[str, Any]:
        """What was compared, what chance gives, and all units."""
        sizes = {"about": self.about, "text": self.text, "tokens": self.tokens, "inside": self.inside}
        chance = {"chance": max(self.chance, default=0.5), "chances": list(self.chance)}
        return {**sizes, **chance, "units": [asdict(each) for each in self.units]}

    def as_rows(self) -> Rows:
        """One row for each unit."""
        return rows_of([asdict(each) for each in self.units]) or [("unit", "auc", "sign", "inside", "outside")]

    def table(self) -> Table:
        """The best units, and what chance gives in the title."""
        shown = tuple(
            (each.unit, Fixed(each.auc), _higher(each), Short(each.inside), Short(each.outside))
            for each in self.units[:MAX_SHOWN]
        )
        names = ("unit", "AUC", "inside", "mean inside", "mean outside")
        return Table(names, shown, self.title(), ("mean outside", "mean inside"))

    def title(self) -> str:
        """What was compared, in a line."""
        return f"{self.about} · {self.inside:,} of {self.tokens:,} tokens of {self.text}"

    def summary(self) -> str:
        """What chance gives, in a line."""
        return (
            f"by chance {fixed(max(self.chance, default=0.5))}: the best of {len(self.units):,} units for the same "
            f"labels moved along the text in a circle, {len(self.chance)} times"
        )

    def as_page(self) -> Page:
        """The table, and what chance gives."""
        from seqshell.core.pictures.page import Note, Page

        return Page((*self.table().as_page().blocks, Note(self.summary())))

    def as_text(self) -> str:
        """The table, and what chance gives."""
        return f"{self.table().as_text()}\n{self.summary()}"


def _higher(each: UnitScore) -> str:
    return "higher" if each.sign > 0 else "lower"
