"""Writes tokens that each have a colour or, where there are no shades, a digit in a row under the line."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from seqshell.core.sanitize import safe
from seqshell.terminal.printer import Printer, Style


class TokenWriter:
    """Writes tokens one by one."""

    def __init__(self, printer: Printer) -> None:
        self.printer = printer
        self._digits = ""  # for the row under the current line

    def write(self, text: str, style: Style = "", digit: str = "") -> None:
        """Write a token in a style or, without shades, above a digit; without one, it is plain."""
        if not digit or self.printer.has_shades:
            self.printer.write(text, style if self.printer.has_shades else "")
            return
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
