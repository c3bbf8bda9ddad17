"""Events of states as objects: how two of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.events.display import Table, Tables
from seqshell.core.text_output import Fixed, Short, fixed
from seqshell.core.units import in_both, in_unit

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class UnitChange:
    """One number of two states; a complex one is a text in JSON."""

    unit: str
    a: Any
    b: Any


@dataclass(frozen=True)
class PartDifference:
    """How a leaf, or a layer of it, differs: cosine, the distance L2, and the units that differ most.

    note: why there is no cosine (None), because one of the two is zero, or why they cannot be compared at all.
    """

    part: str
    cosine: float | None
    distance: float | None
    units: tuple[UnitChange, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class TokenChange:
    """A token, or a label, with its probability after each of two states."""

    text: str
    prob_a: float
    prob_b: float


@dataclass(frozen=True)
class StateDifference(Event):
    """How the states `a` and `b` differ. divergence: the Jensen-Shannon divergence of the next token's distributions in
    nats; None if the outputs are no distribution. tokens: those whose probabilities differ most. unit: that people see.
    """

    a: str
    b: str
    parts: tuple[PartDifference, ...]
    divergence: float | None
    tokens: tuple[TokenChange, ...] = ()
    unit: str = "nats"

    def as_json(self) -> Mapping[str, Any]:
        """Parts, the divergence in nats and bits, and tokens."""
        parts = [
            {
                "part": each.part,
                "cosine": each.cosine,
                "l2": each.distance,
                "units": [{"unit": unit.unit, "a": _plain(unit.a), "b": _plain(unit.b)} for unit in each.units],
                **({"note": each.note} if each.note else {}),
            }
            for each in self.parts
        ]
        measures = in_both("js", self.divergence)
        return {"a": self.a, "b": self.b, "parts": parts, **measures, "tokens": [asdict(each) for each in self.tokens]}

    def as_rows(self) -> Rows:
        """One row for each part, with the unit that differs most."""
        return [("part", "cosine", "l2", "unit", "a", "b"), *map(_row, self.parts)]

    def tables(self) -> tuple[Table, ...]:
        """The parts, and the tokens."""
        rows = [(*map(_shown, _row(each)), each.note) for each in self.parts]
        has_notes = any(each.note for each in self.parts)
        names = ("part", "cosine", "L2", "most different", "a", "b", "note")
        width = len(names) - (not has_notes)
        title = f"a {self.a} · b {self.b}"
        if self.divergence is not None:
            divergence = fixed(in_unit(self.divergence, self.unit))
            title += f" · next token: Jensen-Shannon divergence {divergence} {self.unit}"
        parts = Table(names[:width], tuple(row[:width] for row in rows), title, ("L2", "note"))
        tokens = tuple((repr(each.text), Fixed(each.prob_a), Fixed(each.prob_b)) for each in self.tokens)
        return (parts, Table(("next token", "a", "b"), tokens)) if tokens else (parts,)

    def as_text(self) -> str:
        """Both tables."""
        return "\n\n".join(table.as_text() for table in self.tables())

    def as_page(self) -> Page:
        """Both tables."""
        return Tables(self.tables()).as_page()


def _row(each: PartDifference) -> tuple[Any, ...]:
    unit = each.units[0] if each.units else UnitChange("", None, None)
    return (each.part, each.cosine, each.distance, unit.unit, _plain(unit.a), _plain(unit.b))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, complex) else value


def _shown(value: Any) -> Any:
    return Short(value) if isinstance(value, float) else value
