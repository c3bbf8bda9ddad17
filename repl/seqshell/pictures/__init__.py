"""What an event looks like as HTML, SVG and PNG, for events of plugins: `as_page()` returns a Page of blocks.

Blocks hold plain values; their texts need not be safe. `write(FILE, event)` does what `-o FILE` does: it writes a
picture, a table, JSON or text, by the ending. `html` and `svg` return a page as text.
"""

from seqshell.core.pictures.html import document as html
from seqshell.core.pictures.page import (
    Axis,
    Bars,
    Curve,
    Curves,
    Grid,
    Heading,
    HeatMap,
    Note,
    Page,
    Passage,
    Piece,
    Plain,
    Scale,
    Scatter,
    Tree,
    Twig,
)
from seqshell.core.pictures.svg import document as svg
from seqshell.core.view_files import write_view as write

__all__ = [
    "Axis",
    "Bars",
    "Curve",
    "Curves",
    "Grid",
    "Heading",
    "HeatMap",
    "Note",
    "Page",
    "Passage",
    "Piece",
    "Plain",
    "Scale",
    "Scatter",
    "Tree",
    "Twig",
    "html",
    "svg",
    "write",
]
