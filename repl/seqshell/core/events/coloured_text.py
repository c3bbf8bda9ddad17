"""A text whose tokens have colours: one number for each token, such as a unit of the state or a surprisal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqshell.core.events.base import Event, Rows, rows_of


@dataclass(frozen=True)
class ColouredText(Event):
    """Tokens, which make up the text, each with its value; None: without a colour.

    minimum, maximum: the ends of the scale, which are finite. A two-sided scale has its middle at 0; a one-sided one
    begins at the minimum. unit: what the values are, such as `cell[1,147]` or `nats`.
    """

    tokens: tuple[str, ...]
    values: tuple[float | None, ...]
    minimum: float
    maximum: float
    title: str = ""
    unit: str = ""
    two_sided: bool = True

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.tokens)

    def place(self, value: float) -> float:
        """Where a value is on the scale: -1 to 1 if it is two-sided, else 0 to 1."""
        if self.two_sided:
            return on_scale(value, max(abs(self.minimum), abs(self.maximum)))
        return max(0.0, on_scale(value - self.minimum, self.maximum - self.minimum))

    def as_json(self) -> Mapping[str, Any]:
        """Title, unit and scale, then the tokens. An infinite value is null."""
        tokens = [{"text": text, "value": value} for text, value in zip(self.tokens, self.values, strict=True)]
        ends = {"min": self.minimum, "max": self.maximum}
        return {"title": self.title, "unit": self.unit, **ends, "tokens": tokens}

    def as_rows(self) -> Rows:
        """One row for each token."""
        return rows_of(self.as_json()["tokens"]) or [("text", "value")]

    def as_text(self) -> str:
        """The text, with a line of digits under each line, and the legend."""
        return "\n".join([*self._lines_with_digits(), self.legend()])

    def legend(self) -> str:
        """The title, what the digits are, and the range of the values, in one line."""
        if self.two_sided:
            size = max(abs(self.minimum), abs(self.maximum))
            digits = f"digits 0 to 9: {-size:.4g} to {size:.4g}, the middle is 0"
        else:
            digits = f"digits 0 to 9: {self.minimum:.4g} to {self.maximum:.4g}"
        ends = f"{self.unit} from {self.minimum:.4g} to {self.maximum:.4g}".strip()
        return " · ".join(filter(None, (self.title, ends, digits)))

    def _lines_with_digits(self) -> list[str]:
        """Each line of the text with its digits below, one at the beginning of each token."""
        text, digits = "", ""
        for token, value in zip(self.tokens, self.values, strict=True):
            text += token
            digit = " " if value is None else str(digit_of(self.place(value), two_sided=self.two_sided))
            digits += (digit + " " * (len(token) - 1))[: len(token)]
        lines: list[str] = []
        start = 0
        for line in text.split("\n"):
            below = digits[start : start + len(line) + 1].rstrip() if line else ""
            lines += [line, *([below] if below else [])]
            start += len(line) + 1
        return lines


def on_scale(value: float, size: float) -> float:
    """A value as a part of a size, -1 to 1; 0 if there is no size."""
    if math.isinf(value):
        return math.copysign(1.0, value)
    return max(-1.0, min(1.0, value / size)) if size else 0.0


def digit_of(place: float, *, two_sided: bool = True) -> int:
    """The digit 0 to 9 of a place on a scale. Two-sided: 0 to 4 are below the middle, 5 to 9 above or at it."""
    part = (place + 1) / 2 if two_sided else place
    return max(0, min(9, math.floor(part * 10)))
