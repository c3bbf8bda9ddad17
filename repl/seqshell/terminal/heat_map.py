"""Heat maps: coloured blocks on a terminal with 256 colours, else ASCII characters of growing density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prompt_toolkit.utils import get_cwidth

from seqshell.core.colours import UNKNOWN
from seqshell.terminal.printer import TRUE_COLOUR, Printer

ASCII_SHADES = " .:-=+*#%@"
# Of 256 colours: blue to yellow, each lighter than the one before, like viridis in true colour.
COLOURS = (17, 18, 54, 61, 67, 73, 79, 114, 155, 227)
HIGHEST_LABEL = 12  # rows of a vertical column label
WIDEST_LABEL = 16  # columns of a row label
OTHER_ROWS = 4  # around the cells of a map whose labels are still in the window: a label, legend, remark and prompt
WIDEST_CELL = 4  # columns, under vertical labels


@dataclass(frozen=True)
class HeatMap:
    """The values of a heat map [rows, columns] and their labels.

    low, high: the ends of the scale. Values that are not finite are drawn as low.
    keeps_cells: draw columns at least two characters wide and wrap a wide map into bands of columns; if False, columns
    may shrink to one character.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float]]
    low: float = 0.0
    high: float = 1.0
    keeps_cells: bool = True

    @property
    def num_columns(self) -> int:
        return len(self.values[0]) if len(self.values) else 0

    def shares(self) -> list[list[float]]:
        """Return the values scaled to 0 to 1."""
        span = (self.high - self.low) or 1.0
        return [
            [min(1.0, max(0.0, (value - self.low) / span)) if math.isfinite(value) else 0.0 for value in row]
            for row in self.values
        ]


def draw(printer: Printer, heat_map: HeatMap) -> None:
    """Draw the labels, the rows and a legend. Column labels are horizontal where they fit, else vertical."""
    number = heat_map.num_columns
    label = min(max([1, *map(get_cwidth, heat_map.rows)]), WIDEST_LABEL, printer.width // 3)
    room = printer.width - label - 2
    widest = max([1, *map(get_cwidth, heat_map.columns)])
    horizontal = bool(heat_map.columns) and number * (widest + 1) <= room
    least, most = (widest + 1, widest + 1) if horizontal else (2, WIDEST_CELL) if heat_map.keeps_cells else (1, 2)
    num_bands = math.ceil(number / max(1, room // least))
    band = math.ceil(number / max(1, num_bands)) or 1
    cell = max(least, min(most, room // band))
    shares = heat_map.shares()
    for start in range(0, number, band):
        names = heat_map.columns[start : start + band]
        printer.fresh_line()
        _draw_labels(printer, names, label, cell, horizontal=horizontal)
        for name, row in zip(heat_map.rows, shares, strict=False):
            printer.write(pad(name, label) + " ")
            for share in row[start : start + band]:
                draw_cell(printer, share, cell)
            printer.write("\n")
        if len(heat_map.rows) + OTHER_ROWS > printer.height:  # the labels above have left the window
            _draw_labels(printer, names, label, cell, horizontal=horizontal)
    draw_legend(printer, heat_map.low, heat_map.high)


def draw_cell(printer: Printer, share: float, width: int) -> None:
    """Draw the cell of a value between 0 and 1."""
    if printer.colours == TRUE_COLOUR:
        printer.block(UNKNOWN.one_sided(share), width)
        return
    shades: Sequence[int] | str = COLOURS if printer.colours == 256 else ASCII_SHADES
    shade = shades[min(len(shades) - 1, int(share * len(shades)))]
    if isinstance(shade, int):
        printer.block(shade, width)
    else:
        printer.write(shade * width)


def draw_legend(printer: Printer, low: float, high: float) -> None:
    """Draw every shade between the ends of the scale."""
    printer.write(f"{low:.3g} ", "dim")
    coloured = printer.colours >= 256
    printer.write("" if coloured else "[", "dim")
    for index in range(len(ASCII_SHADES)):
        draw_cell(printer, (index + 0.5) / len(ASCII_SHADES), 2 if coloured else 1)
    printer.write(f"{'' if coloured else ']'} {high:.3g}\n", "dim")


def pad(name: str, width: int) -> str:
    """Pad or cut the name to exactly `width` columns; to none if that is negative."""
    width = max(0, width)
    while get_cwidth(name) > width:
        name = name[:-2] + "…" if len(name) > 1 else ""
    return name + " " * (width - get_cwidth(name))


def _draw_labels(printer: Printer, names: Sequence[str], label: int, cell: int, *, horizontal: bool) -> None:
    """Draw the column labels: above the cells, and again below those of a map that is taller than the window."""
    if horizontal:
        printer.line(" " * (label + 1) + "".join(pad(name, cell) for name in names).rstrip(), "dim")
    else:
        _draw_vertical(printer, names, label, cell)


def _draw_vertical(printer: Printer, names: Sequence[str], label: int, cell: int) -> None:
    """Draw vertical column labels, aligned at the bottom."""
    written = [_graphemes(name) for name in names]
    written = [
        letters if len(letters) <= HIGHEST_LABEL else [*letters[: HIGHEST_LABEL - 1], "…"] for letters in written
    ]
    height = max(map(len, written), default=0)
    before = " " * ((cell - 1) // 2)
    for line in range(height):
        row = ([" "] * (height - len(letters)) + letters for letters in written)
        printer.line(" " * (label + 1) + "".join(pad(before + letters[line], cell) for letters in row).rstrip(), "dim")


def _graphemes(name: str) -> list[str]:
    """Split a name into letters, each with its combining marks."""
    found: list[str] = []
    for character in name:
        if found and not get_cwidth(character):
            found[-1] += character
        else:
            found.append(character)
    return found
