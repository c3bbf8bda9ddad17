"""Colours tokens by surprisal or, without colour, writes a row of digits under each line."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from seqshell.core.sanitize import safe
from seqshell.terminal.printer import LEVELS, Printer

NATS_PER_LEVEL = 0.5


def level(nats: float) -> int:
    """Return the level 0-9 of a surprisal: the number of half nats, at most 9."""
    return max(0, int(nats / NATS_PER_LEVEL)) if nats < (LEVELS - 1) * NATS_PER_LEVEL else LEVELS - 1


class TokenWriter:
    """Writes tokens one by one."""

    def __init__(self, printer: Printer) -> None:
        self.printer = printer
        self._digits = ""  # for the row under the current line

    def write(self, text: str, nats: float | None = None) -> None:
        """Write a token. nats: its surprisal, or None to leave it plain."""
        if nats is None or self.printer.has_shades:
            self.printer.write(text, "" if nats is None else f"surprisal-{level(nats)}")
            return
        digit = str(level(nats))
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

    def write_context(self, text: str) -> None:
        """Write text that was there before the first token, in grey."""
        self.printer.write(text, "dim")
        self._digits += "" if self.printer.has_shades else " " * self.printer.column

    def finish_line(self) -> None:
        """End the line and write its digits, if any, under it."""
        digits, self._digits = self._digits, ""
        if digits.strip():
            self.printer.line(digits, "dim")


def draw_legend(printer: Printer) -> None:
    """Explain the colours or digits."""
    printer.fresh_line()
    printer.write("surprisal in nats: ", "dim")
    for each in range(LEVELS):
        low = each * NATS_PER_LEVEL
        if printer.has_shades:
            printer.write(f"{low:g}{'+' if each == LEVELS - 1 else ''} ", f"surprisal-{each}")
        elif each in (0, 1, LEVELS - 1):
            printer.write({0: "0 below 0.5, ", 1: "1 below 1, ... "}.get(each, f"{each} from {low:g}"), "dim")
    printer.fresh_line()
