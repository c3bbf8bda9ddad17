"""Prints the results of subcommands: fitted to the window at a terminal, else as plain text."""

from __future__ import annotations

from typing import TextIO

from seqshell.core.capture import terminal_of
from seqshell.core.events import Event, LossCurves, Table
from seqshell.core.sanitize import safe


def print_result(result: Event | str, out: TextIO) -> None:
    """Print a table, loss curves, a line, or the text of another event; nothing if it has none."""
    text = result if isinstance(result, str) else result.as_text()
    if text is None:
        return
    if terminal_of(out).isatty() and isinstance(result, LossCurves | Table | str):
        from seqshell.terminal.loss_curves import draw
        from seqshell.terminal.printer import printer_on
        from seqshell.terminal.table_layout import draw_table

        printer = printer_on(out)
        if isinstance(result, LossCurves):
            draw(printer, result)
        else:
            draw_table(printer, result) if isinstance(result, Table) else printer.line(result)
    else:
        print(safe(text), file=out, flush=True)
