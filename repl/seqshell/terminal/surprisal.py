"""Colours tokens by surprisal: ten levels of half a nat, each a colour and a digit."""

from __future__ import annotations

from seqshell.core.units import in_unit
from seqshell.terminal.background import Ink
from seqshell.terminal.printer import Printer

LEVELS = 10  # shown as the digits 0 to 9


def per_level(unit: str) -> float:
    """The surprisal from one level to the next, in a unit: about the same colours in both."""
    return 0.75 if unit == "bits" else 0.5


def level(surprisal: float, unit: str = "nats") -> int:
    """Return the level 0-9 of a surprisal in a unit: the number of half nats, or of 0.75 bits, at most 9."""
    size = per_level(unit)
    return max(0, int(surprisal / size)) if surprisal < (LEVELS - 1) * size else LEVELS - 1


def colour(level: int) -> Ink:
    """The colour of a level: from blue through grey to orange."""
    return Ink(1 - 2 * level / (LEVELS - 1))


def shade(nats: float, unit: str = "nats") -> tuple[Ink, str]:
    """The colour and the digit of a surprisal, on the scale of a unit."""
    found = level(in_unit(nats, unit), unit)
    return colour(found), str(found)


def draw_legend(printer: Printer, unit: str = "nats") -> None:
    """Explain the colours or digits."""
    size = per_level(unit)
    printer.fresh_line()
    printer.write(f"surprisal in {unit}: ", "dim")
    for each in range(LEVELS):
        low = each * size
        if printer.has_shades:
            printer.write(f"{low:g}{'+' if each == LEVELS - 1 else ''} ", colour(each))
        elif each in (0, 1, LEVELS - 1):
            printer.write(
                {0: f"0 below {size:g}, ", 1: f"1 below {2 * size:g}, ... "}.get(each, f"{each} from {low:g}"), "dim"
            )
    printer.fresh_line()
