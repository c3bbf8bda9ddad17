"""Draws /gates: for each gate and layer, its units by how often they are left- and right-saturated; then the table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from seqshell.core.events import Gates
from seqshell.core.events.gates import GateUnits
from seqshell.core.plane import Plane
from seqshell.terminal.heat_map import pad
from seqshell.terminal.printer import Printer
from seqshell.terminal.scatter import write_line
from seqshell.terminal.table_layout import draw_table

COLUMNS, ROWS = 20, 10  # of a panel, without its frame
FRAME = 4  # columns of the labels and the line at its left, and of the gap at its right
MAX_PANELS = 12


def draw(printer: Printer, gates: Gates) -> None:
    """Draw a panel for each gate and layer, as many beside each other as fit, and the table."""
    shown = gates.gates[:MAX_PANELS]
    fit = max(1, (printer.width - 1) // (COLUMNS + FRAME))
    printer.line("a dot is a unit: across, its share of tokens below 0.1; up, above 0.9", "dim")
    by_layer = [list(each) for _, each in groupby(shown, lambda units: units.layer)]
    if sum(map(len, by_layer[:1])) * 2 <= fit:  # several layers beside each other
        by_layer = [list(shown)]
    for panels in by_layer:
        for start in range(0, len(panels), fit):
            _draw_panels(printer, panels[start : start + fit])
    if len(gates.gates) > len(shown):
        printer.line(f"{len(gates.gates) - len(shown)} more are in the table", "dim")
    draw_table(printer, gates.table())
    printer.line(gates.note(), "dim")


def _draw_panels(printer: Printer, row: Sequence[GateUnits]) -> None:
    planes = [_plane(each, unicode=printer.unicode) for each in row]
    width = COLUMNS + FRAME
    side, corner, floor = ("│", "└", "─") if printer.unicode else ("|", "+", "-")
    printer.fresh_line()
    printer.line("".join(pad(f"   {each.gate}", width) for each in row).rstrip(), "bold")
    for line in range(ROWS):
        for plane in planes:
            label = {0: "1", ROWS - 1: "0"}.get(line, " ")
            printer.write(f"{label} {side}", "dim")
            write_line(printer, plane, line)
            printer.write(" ")
        printer.write("\n")
    printer.line("".join(f"  {corner}{floor * COLUMNS} " for _ in row).rstrip(), "dim")
    printer.line("".join(pad(f"   0{'1':>{COLUMNS - 1}}", width) for _ in row).rstrip(), "dim")


def _plane(units: GateUnits, *, unicode: bool) -> Plane:
    """The units of a gate. No unit is beyond the diagonal, which is drawn: the two shares are at most 1 together."""
    plane = Plane(COLUMNS, ROWS, (0, 1), (0, 1), unicode=unicode)
    for step in range(4 * COLUMNS + 1):
        plane.point(step / (4 * COLUMNS), 1 - step / (4 * COLUMNS), "dim", ".")
    for left, right in zip(units.left, units.right, strict=True):
        plane.point(left, right, "bar")
    return plane
