"""Lays a page out for a picture: its blocks below each other, as shapes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

from seqshell.core.pictures import charts, curves, paints
from seqshell.core.pictures.drawing import CHARACTER, LINE, Box, Drawing, Stroke, shown, width_of
from seqshell.core.pictures.page import (
    Bars,
    Block,
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
    note_of,
)
from seqshell.core.pictures.tree_rows import rows_of_tree
from seqshell.core.sanitize import safe
from seqshell.core.text_output import cell

COLUMNS = 100  # characters in a line of text
WIDEST_CELL = 60  # characters
MARGIN = 16.0


def laid_out(page: Page) -> Drawing:
    """The shapes of a page, from the margin on."""
    drawing = Drawing(down=MARGIN)
    if page.title:
        drawing.write(shown(page.title, COLUMNS), MARGIN, bold=True)
        drawing.end_line()
    if page.about:
        drawing.write(shown(page.about, COLUMNS), MARGIN, paints.DIM)
        drawing.end_line()
    for block in page.blocks:
        drawing.end_line(0.3)
        _draw(block, drawing)
    drawing.across += MARGIN
    drawing.down += MARGIN
    return drawing


@singledispatch
def _draw(block: Block, drawing: Drawing) -> None:
    """Draw a block below what is there."""
    raise TypeError(f"a page has no {type(block).__name__}")


@_draw.register
def _(block: Heading, drawing: Drawing) -> None:
    drawing.end_line(0.7)
    drawing.add(Stroke(MARGIN, drawing.down, MARGIN + COLUMNS * CHARACTER, drawing.down))
    drawing.end_line(0.3)
    end = drawing.write(shown(block.text, COLUMNS), MARGIN, bold=True)
    drawing.write(shown(block.note, COLUMNS), end + 2 * CHARACTER, paints.DIM)
    drawing.end_line(1.2)


@_draw.register
def _(block: Note, drawing: Drawing) -> None:
    for line in _wrapped(safe(block.text)):
        drawing.write(line, MARGIN, paints.DIM)
        drawing.end_line()


@_draw.register
def _(block: Plain, drawing: Drawing) -> None:
    for line in safe(block.text).expandtabs().split("\n"):
        drawing.write(line, MARGIN)
        drawing.end_line()


@_draw.register
def _(block: Passage, drawing: Drawing) -> None:
    right = MARGIN + COLUMNS * CHARACTER
    x = MARGIN
    for piece in block.pieces:
        value = None if block.scale is None else piece.value
        name = paints.step(block.scale, value) if value is not None and block.scale is not None else ""
        note = note_of(piece, block.scale)
        text = safe(piece.text).expandtabs(1)
        for index, line in enumerate(text.split("\n")):
            if index:
                if value is not None:
                    x = _written(drawing, x, "↵", name, note, piece)
                drawing.end_line()
                x = MARGIN
            for part in _parts(line, round((right - x) / CHARACTER)):
                if part is None:
                    drawing.end_line()
                    x = MARGIN
                else:
                    x = _written(drawing, x, part, name, note, piece)
    drawing.end_line(1.3)
    if block.scale is not None:
        charts.draw_legend(drawing, block.scale, MARGIN)


def _written(drawing: Drawing, x: float, text: str, name: str, note: str, piece: Piece) -> float:
    """Write a part of a line on its colour. Returns where it ends."""
    if name or note:
        drawing.add(Box(x, drawing.down, width_of(text) * CHARACTER, LINE - 1, name or paints.PAGE, note))
    mark = paints.MARK if piece.bold and not name else paints.on(name)
    return drawing.write(text, x, mark, bold=piece.bold)


def _parts(line: str, room: int) -> Iterator[str | None]:
    """The parts of a text that fit into lines; None where a line ends."""
    while width_of(line) > room:
        part = line[: max(room, 0)]
        while width_of(part) > room:
            part = part[:-1]
        if not part and room == COLUMNS:
            return
        yield part
        yield None
        line, room = line[len(part) :], COLUMNS
    yield line


def _wrapped(text: str) -> Iterator[str]:
    """The lines of a note, wrapped between words."""
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + 1 + len(word) > COLUMNS:
                yield line
                line = word
            else:
                line = f"{line} {word}" if line else word
        yield line


@_draw.register
def _(block: Grid, drawing: Drawing) -> None:
    if block.title:
        drawing.write(shown(block.title, COLUMNS), MARGIN, paints.DIM)
        drawing.end_line()
    rows = [[shown(cell(value), WIDEST_CELL) for value in row] for row in block.rows]
    names = [shown(name, WIDEST_CELL) for name in block.columns]
    texts = [names, *rows] if any(names) else rows
    widths = [max(width_of(row[index]) for row in texts if index < len(row)) for index in range(max(map(len, texts)))]
    if any(names):
        _row(drawing, names, widths, (), paints.DIM)
        drawing.add(
            Stroke(MARGIN, drawing.down, MARGIN + (sum(widths) + 2 * len(widths) - 2) * CHARACTER, drawing.down)
        )
    for row, values in zip(rows, block.rows, strict=True):
        _row(drawing, row, widths, values, paints.TEXT)
    drawing.end_line(0.3)


def _row(drawing: Drawing, texts: list[str], widths: list[int], values: Any, paint: str) -> None:
    """A row of a table, numbers to the right."""
    x = MARGIN
    for index, (text, width) in enumerate(zip(texts, widths, strict=False)):
        value = values[index] if index < len(values) else None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        drawing.write(text, x + (width - width_of(text)) * CHARACTER * is_number, paint)
        x += (width + 2) * CHARACTER
    drawing.end_line()


@_draw.register
def _(block: HeatMap, drawing: Drawing) -> None:
    charts.draw_heat_map(drawing, block, MARGIN)


@_draw.register
def _(block: Bars, drawing: Drawing) -> None:
    charts.draw_bars(drawing, block, MARGIN)


@_draw.register
def _(block: Scatter, drawing: Drawing) -> None:
    charts.draw_scatter(drawing, block, MARGIN)


@_draw.register
def _(block: Curves, drawing: Drawing) -> None:
    curves.draw_curves(drawing, block, MARGIN)


@_draw.register
def _(block: Tree, drawing: Drawing) -> None:
    if block.title:
        drawing.write(shown(block.title, COLUMNS), MARGIN, paints.DIM)
        drawing.end_line()
    for lines, twig in rows_of_tree(block):
        x = drawing.write(lines, MARGIN, paints.DIM)
        name = "" if twig.probability is None else paints.step(Scale(0, 1), twig.probability)
        label = shown(twig.label, COLUMNS)
        if name:
            drawing.add(Box(x, drawing.down, width_of(label) * CHARACTER, LINE - 1, name))
        x = drawing.write(label, x, paints.DIM if twig.dim and not name else paints.on(name), bold=twig.marked)
        share = "" if twig.probability is None else f" {100 * twig.probability:.3g} %"
        drawing.write(f"{share}  {shown(twig.note, COLUMNS)}".rstrip(), x, paints.DIM)
        drawing.end_line()
