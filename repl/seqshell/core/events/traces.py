"""The event of a trace: its tokens as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.events.display import Table
from seqshell.core.text_output import Fixed
from seqshell.core.units import in_both, in_unit

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class TracedToken:
    """A token that was read without moving. position: the tokens before it. surprisal: in nats; None if there is none.

    line: the number of its line, from 1; 0 if the text was read as a whole. piece: its bytes.
    """

    position: int
    id: int
    text: str
    surprisal: float | None
    line: int = 0
    piece: bytes = b""


@dataclass(frozen=True)
class TracedText(Event):
    """The tokens of a text that was read from a state, which stays where it is. origin: the state, e.g. main@7.

    unit: that people see.
    """

    origin: str
    tokens: tuple[TracedToken, ...]
    unit: str = "nats"

    def as_json(self) -> Mapping[str, Any]:
        """The state, and the tokens with their surprisal in both units."""
        tokens = [
            {
                **({"line": each.line} if each.line else {}),
                "pos": each.position,
                "id": each.id,
                "text": each.text,
                "bytes": list(each.piece),
                **in_both("surprisal", each.surprisal),
            }
            for each in self.tokens
        ]
        return {"from": self.origin, "tokens": tokens}

    def as_rows(self) -> Rows:
        """A row for each token, in the unit."""
        return self._rows(str)

    def table(self) -> Table:
        """The same for people."""
        names, *rows = self._rows(repr)
        title = f"from {self.origin}" + (f" · surprisal in {self.unit}" if "surprisal" in names else "")
        return Table(tuple(names), tuple(map(tuple, rows)), title, ("id",))

    def as_text(self) -> str:
        """The table."""
        return self.table().as_text()

    def as_page(self) -> Page:
        """The table."""
        return self.table().as_page()

    def _rows(self, shown: Callable[[str], str]) -> Rows:
        """shown: how a text is written."""
        first = self.tokens[0]
        has_line, has_surprisal = bool(first.line), first.surprisal is not None
        names = ("line",) * has_line + ("position", "id", "text") + ("surprisal",) * has_surprisal
        rows = [
            (each.line,) * has_line
            + (each.position, each.id, shown(each.text))
            + (Fixed(in_unit(each.surprisal or 0.0, self.unit)),) * has_surprisal
            for each in self.tokens
        ]
        return [names, *rows]
