"""Draws loss curves: braille characters for the training, dots for the validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from seqshell.core.events import LossCurve, LossCurves
from seqshell.core.line_plot import LINE, MARK
from seqshell.terminal.background import Tint
from seqshell.terminal.printer import Printer, Style

MOST_COLUMNS = 78  # a wider picture would be torn apart in more windows that become narrower
STYLES: Mapping[str, Style] = MappingProxyType({LINE: Tint(0), MARK: Tint(1), "": ""})
Row = Sequence[tuple[str, Style]]


def rows_of(printer: Printer, curve: LossCurve) -> list[Row]:
    """The rows of a curve's picture, which fit the window, with their styles."""
    rows = curve.chart(min(printer.width - 1, MOST_COLUMNS), plain=not printer.unicode)
    return [[(text, STYLES[kind]) for text, kind in row] for row in rows]


def draw(printer: Printer, curves: LossCurves) -> None:
    """Draw each curve below its name, which a single one does not need."""
    for curve in curves.curves:
        printer.fresh_line()
        if len(curves.curves) > 1:
            printer.line(curve.name, "bold")
        printer.rows(rows_of(printer, curve))
