"""Writes a plane of points and curves to the terminal."""

from __future__ import annotations

from seqshell.core.plane import Plane
from seqshell.terminal.printer import Printer


def write_line(printer: Printer, plane: Plane, row: int) -> None:
    """Write a row of a plane where the cursor is."""
    for style, text in plane.line(row):
        printer.write(text, style)
