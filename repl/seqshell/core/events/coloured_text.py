"""A text whose tokens have colours: one number for each token, such as a unit of the state or a surprisal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.colours import share_of
from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import short

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class ColouredText(Event):
    """Tokens, which make up the text, each with its value; None: without a colour.

    minimum, maximum: the ends of the scale, which are finite. It is two-sided, with its middle at 0, if the minimum is
    below 0; see `core.colours.share_of`. unit: what the values are, such as `cell[1,147]` or `nats`. pieces: the bytes
    of each token, of which `tokens` may show only a part; empty if they are not known.
    """

    tokens: tuple[str, ...]
    values: tuple[float | None, ...]
    minimum: float
    maximum: float
    title: str = ""
    unit: str = ""
    pieces: tuple[bytes, ...] = ()

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.tokens)

    @property
    def is_constant(self) -> bool:
        """Whether all values are equal, so that there is no scale."""
        return self.minimum == self.maximum and bool(self.values)

    def share(self, value: float) -> float:
        """Where a value is on the scale: -1 to 1 if it is two-sided, else 0 to 1."""
        return share_of(value, self.minimum, self.maximum)

    def digit(self, value: float) -> int:
        """The digit 0 to 9 of a value: of a two-sided scale, 0 to 4 are below 0."""
        share = self.share(value)
        return min(9, math.floor(10 * ((share + 1) / 2 if self.minimum < 0 else share)))

    def as_json(self) -> Mapping[str, Any]:
        """Title, unit and scale, then the tokens, with their bytes if these are known. An infinite value is null."""
        tokens: list[dict[str, Any]] = [
            {"text": text, "value": value} for text, value in zip(self.tokens, self.values, strict=True)
        ]
        for token, piece in zip(tokens, self.pieces, strict=False):
            token["bytes"] = list(piece)
        ends = {"min": self.minimum, "max": self.maximum}
        return {"title": self.title, "unit": self.unit, **ends, "tokens": tokens}

    def as_rows(self) -> Rows:
        """One row for each token."""
        return [("text", "value"), *zip(self.tokens, self.values, strict=True)]

    def as_text(self) -> str:
        """The text, with a line of digits under each line, and the legend."""
        return "\n".join([*self._lines_with_digits(), self.legend()])

    def as_page(self) -> Page:
        """The coloured text, with the value of each token."""
        from seqshell.core.pictures.page import Page, Passage, Piece, Scale

        pieces = tuple(Piece(text, value) for text, value in zip(self.tokens, self.values, strict=True))
        return Page((Passage(pieces, Scale(self.minimum, self.maximum, self.unit)),), self.title)

    def legend(self) -> str:
        """The title, the range of the values, and what the digits are, in one line."""
        size = max(-self.minimum, self.maximum)
        ends = (-size, size) if self.minimum < 0 else (self.minimum, self.maximum)
        digits = "" if self.is_constant else f"digits 0 to 9: {' to '.join(map(short, ends))}"
        return " · ".join(filter(None, (self.title, self.range(), digits)))

    def range(self) -> str:
        """The range of the values, with the unit unless the title names it."""
        low, high = short(self.minimum), short(self.maximum)
        found = f"{low} everywhere" if self.is_constant else f"from {low} to {high}"
        if not self.unit or self.unit in self.title:
            return found
        return f"{self.unit} {'is ' if self.is_constant else ''}{found}"

    def _lines_with_digits(self) -> list[str]:
        """Each line of the text with its digits below, one at the beginning of each token; a tab is a space."""
        from seqshell.core.pictures.drawing import width_of

        lines: list[str] = []
        text = digits = ""
        for token, value in zip((*self.tokens, "\n"), (*self.values, None), strict=True):
            digit = " " if value is None else str(self.digit(value))
            for character in token:
                if character == "\n":
                    below = f"{digits}{digit}".rstrip() if text else ""  # an empty line has no digits
                    lines += [text, *([below] if below else [])]
                    text = digits = digit = ""
                    continue
                text += " " if character == "\t" else character
                width = 1 if character == "\t" else width_of(character)
                digits += (digit or " ").ljust(width) if width else ""
                digit = "" if width else digit
        return lines
