"""Draws the gradients by time lag as panels of bars, as many beside each other as the window has room for."""

from __future__ import annotations

import re

from seqshell.core.events import GradientLags
from seqshell.terminal.printer import Printer


def draw(printer: Printer, lags: GradientLags) -> None:
    """Draw the chart of the event, with coloured bars."""
    full = "█" if printer.unicode else "#"
    title, *lines = lags.chart(printer.width, full).split("\n")
    printer.line(title, "dim")
    for line in lines:
        for part in re.split(f"({full}+)", line):
            printer.write(part, "bar" if part.startswith(full) else "")
        printer.write("\n")
