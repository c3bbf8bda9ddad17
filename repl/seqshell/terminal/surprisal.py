"""Colours tokens by surprisal or, without colour, writes a row of digits under each line."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from seqshell.core.sanitize import safe
from seqshell.core.units import in_unit
from seqshell.terminal.printer import LEVELS, Printer

PER_LEVEL = {"nats": 0.5, "bits": 0.75}  # of surprisal, in each unit: about the same colours


def level(surprisal: float, unit: str = "nats") -> int:
    """Return the level 0-9 of a surprisal in a unit: the number of half nats, or of 0.75 bits, at most 9."""
    size = PER_LEVEL[unit]
    return max(0, int(surprisal / size)) if surprisal < (LEVELS - 1) * size else LEVELS - 1


class TokenWriter:
    """Writes tokens one by one. unit: of the scale of surprisal."""

    def __init__(self, printer: Printer, unit: str = "nats") -> None:
        self.printer = printer
        self._unit = unit
        self._digits = ""  # for the row under the current line

    def write(self, text: str, nats: float | None = None) -> None:
        """Write a token. nats: its surprisal, or None to leave it plain."""
        if nats is None or self.printer.has_shades:
            self.printer.write(text, "" if nats is None else f"surprisal-{self._level(nats)}")
            return
        digit = str(self._level(nats))
        for character in safe(text):
            width = 0 if character == "\n" else get_cwidth(character) or (character == "\t")
            if character == "\n" and not self.printer.column:
                self.printer.write("\n")  # an empty line has no digits
            elif character == "\n" or self.printer.column + width > self.printer.width - 1:
                self._digits += digit if character == "\n" else ""
                self.finish_line()
            if character != "\n":
                self.printer.write(" " if character == "\t" else character)
                self._digits += (digit or " ") + " " * (width - 1) if width else ""
                digit = ""

    def _level(self, nats: float) -> int:
        return level(in_unit(nats, self._unit), self._unit)

    def write_context(self, text: str) -> None:
        """Write text that was there before the first token, in grey."""
        self.printer.write(text, "dim")
        self._digits += "" if self.printer.has_shades else " " * self.printer.column

    def finish_line(self) -> None:
        """End the line and write its digits, if any, under it."""
        digits, self._digits = self._digits, ""
        if digits.strip():
            self.printer.line(digits, "dim")


def draw_legend(printer: Printer, unit: str = "nats") -> None:
    """Explain the colours or digits."""
    size = PER_LEVEL[unit]
    printer.fresh_line()
    printer.write(f"surprisal in {unit}: ", "dim")
    for each in range(LEVELS):
        low = each * size
        if printer.has_shades:
            printer.write(f"{low:g}{'+' if each == LEVELS - 1 else ''} ", f"surprisal-{each}")
        elif each in (0, 1, LEVELS - 1):
            printer.write(
                {0: f"0 below {size:g}, ", 1: f"1 below {2 * size:g}, ... "}.get(each, f"{each} from {low:g}"), "dim"
            )
    printer.fresh_line()
