"""Draws /spectrum: the eigenvalues in the complex plane, with the unit circle, beside a table of the largest."""

from __future__ import annotations

import math

from seqshell.core.events import Spectrum, Table
from seqshell.core.plane import Plane
from seqshell.terminal.printer import Printer
from seqshell.terminal.scatter import write_line
from seqshell.terminal.table_layout import draw_table

MOST_ROWS, LEAST_ROWS = 19, 9
SHOWN = 5  # eigenvalues in the table
OTHER_ROWS = 13  # of the window: axis, table, summary, the lines with the prompt
POINTS_OF_CIRCLE = 720


def draw(printer: Printer, spectrum: Spectrum) -> None:
    """Draw the plane, the largest eigenvalues, and what they are of."""
    rows = max(LEAST_ROWS, min(MOST_ROWS, printer.height - OTHER_ROWS, (printer.width - 10) // 2))
    edge = max(1.05, spectrum.radius * 1.05) if math.isfinite(spectrum.radius) else 1.05
    plane = Plane(2 * rows, rows, (-edge, edge), (-edge, edge), unicode=printer.unicode)
    for index in range(POINTS_OF_CIRCLE):
        angle = 2 * math.pi * index / POINTS_OF_CIRCLE
        plane.point(math.cos(angle), math.sin(angle), "dim", ".")
    for value in reversed(spectrum.eigenvalues):
        plane.point(value.real, value.imag, "warning" if abs(value) > 1 else "bar", "x" if abs(value) > 1 else "*")
    printer.fresh_line()
    for row in range(rows):
        label = {0: f"{edge:.3g}i", rows // 2: "0", rows - 1: f"-{edge:.3g}i"}.get(row, "")
        printer.write(f"{label:>7} ", "dim")
        write_line(printer, plane, row)
        printer.write("\n")
    ends = f"{-edge:<{rows}.3g}{'0':<{max(1, rows - 5)}}{edge:>5.3g}"
    printer.line(f"{'':7} {ends}", "dim")
    names, *values = spectrum.table(SHOWN)
    draw_table(printer, Table(tuple(names), tuple(map(tuple, values)), optional=("period",)))
    printer.line(spectrum.summary())
    for note in spectrum.notes():
        printer.line(note, "dim")
