"""Draws a text whose tokens have colours, and the scale of these colours."""

from __future__ import annotations

from seqshell.core.events import ColouredText
from seqshell.terminal.background import Ink
from seqshell.terminal.printer import Printer
from seqshell.terminal.token_writer import TokenWriter

STEPS = 4  # of a scale on each side of its middle
WIDE = 100  # columns in which all of them fit


def draw(printer: Printer, event: ColouredText) -> None:
    """Draw the text in colours or above digits, then its title and its scale."""
    printer.fresh_line()
    writer = TokenWriter(printer)
    for token, value in zip(event.tokens, event.values, strict=True):
        writer.write(token, *(("", "") if value is None else shade(event, value)))
    writer.finish_line()
    printer.fresh_line()
    if event.title and printer.has_shades:
        printer.line(event.title, "dim")
    draw_scale(printer, event)


def shade(event: ColouredText, value: float) -> tuple[Ink, str]:
    """The colour and the digit of a value."""
    return Ink(event.share(value)), str(event.digit(value))


def draw_scale(printer: Printer, event: ColouredText) -> None:
    """Draw the range of the values, and what the colours mean; or the legend of the digits."""
    low, high, size = event.minimum, event.maximum, max(-event.minimum, event.maximum)
    if event.is_constant or not printer.has_shades:
        printer.line(event.range() if printer.has_shades else event.legend(), "dim")
        return
    places = [low + (high - low) * step / (2 * STEPS) for step in range(2 * STEPS + 1)]
    if low < 0:
        places = [size * step / STEPS for step in range(-STEPS, STEPS + 1)]
    printer.fresh_line()
    printer.write(f"{event.range()}: ", "dim")
    for place in places[:: 1 if printer.width >= WIDE else 2]:
        printer.write(f"{place:.3g} ", shade(event, place)[0])
    printer.fresh_line()
