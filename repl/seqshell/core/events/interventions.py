"""Events of interventions: which are active, and what values of a unit lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.events.display import Table
from seqshell.core.events.session import numbered
from seqshell.core.text_output import Fixed, cell, counted, fixed
from seqshell.core.units import in_both, in_unit

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class ActiveInterventions(Event):
    """The interventions that are active at a position, as texts. change: what was done to them, if anything.

    once: it changed the state at this position alone.
    """

    interventions: tuple[str, ...]
    position: int
    branch: str
    change: str = ""
    once: bool = False

    def as_json(self) -> Mapping[str, Any]:
        """The interventions by number, and the position."""
        place = {"interventions": numbered(self.interventions), "pos": self.position, "branch": self.branch}
        return {**place, "change": self.change, "once": self.once} if self.change else place

    def as_rows(self) -> Rows:
        """One row for each."""
        return [("number", "intervention"), *enumerate(self.interventions, 1)]

    def as_text(self) -> str:
        """What was done, then one line for each."""
        lines = [f"{number}  {text}" for number, text in enumerate(self.interventions, 1)]
        if not self.change:
            return "\n".join(lines) or "no interventions"
        others = len(lines) - (not self.once)
        more = f" · {counted(len(lines), 'intervention')} active: /interventions" if others > 0 else ""
        where = f"at position {self.position:,} alone" if self.once else f"from position {self.position:,} on"
        return f"{self.change} · {where} · /undo goes back{more}"


@dataclass(frozen=True)
class SweepRow:
    """A value, the divergence of its distribution of the next token from the one here in nats, the most likely tokens
    with their probabilities, and the most likely text that follows.
    """

    value: Any
    divergence: float
    tokens: tuple[tuple[str, float], ...]
    text: str = ""


@dataclass(frozen=True)
class Sweep(Event):
    """What follows if a unit keeps each of some values; `now` is its value here (None: it has several numbers).

    measure: the unit of the divergence that people see.
    """

    unit: str
    now: Any
    rows: tuple[SweepRow, ...]
    measure: str = "nats"

    def as_json(self) -> Mapping[str, Any]:
        """One object for each value, the divergence in nats and bits."""
        values = [
            {
                "value": _plain(row.value),
                **in_both("js", row.divergence),
                "tokens": [{"text": text, "prob": prob} for text, prob in row.tokens],
                **({"text": row.text} if row.text else {}),
            }
            for row in self.rows
        ]
        return {"unit": self.unit, "now": _plain(self.now), "values": values}

    def as_rows(self) -> Rows:
        """One row for each value, with the most likely token."""
        rows = [(_plain(row.value), row.divergence, *row.tokens[0], row.text) for row in self.rows]
        return [("value", "js_nats", "token", "prob", "text"), *rows]

    def table(self) -> Table:
        """One row for each value."""
        is_now = "" if self.now is None else f" is {cell(_plain(self.now), '.4g')} here"
        rows = tuple(
            (
                cell(_plain(row.value), ".4g"),
                Fixed(in_unit(row.divergence, self.measure)),
                " ".join(f"{text!r} {fixed(prob)}" for text, prob in row.tokens),
                *([repr(row.text)] if row.text else []),
            )
            for row in self.rows
        )
        names = ("value", "JS", "next", "then")[: len(rows[0])]
        title = f"{self.unit}{is_now} · JS: divergence of the next token from the one here, in {self.measure}"
        if not any(row.divergence for row in self.rows):
            title += " · the next token does not depend on it; the text after that may"
        return Table(names, rows, title, ("then",) if len(names) > 3 else ())

    def as_page(self) -> Page:
        """The divergence of each value as a bar, and the table."""
        from seqshell.core.pictures.page import Bars, Page

        labels = tuple(cell(_plain(row.value), ".4g") for row in self.rows)
        shares = tuple(row.divergence for row in self.rows)
        bars = Bars(labels, shares, f"{self.unit}: divergence of the next token from the one here", "nats")
        return Page((bars, *self.table().as_page().blocks), f"Sweep of {self.unit}")

    def as_text(self) -> str:
        """The table."""
        return self.table().as_text()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, complex) else value
