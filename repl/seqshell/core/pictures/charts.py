"""Lays out the blocks that show numbers as shapes: heat maps, bars, scatter plots, and the legend of a scale."""

from __future__ import annotations

from seqshell.core.pictures import paints
from seqshell.core.pictures.drawing import (
    ASCENT,
    CHARACTER,
    LINE,
    Box,
    Dot,
    Drawing,
    Stroke,
    Track,
    Words,
    shown,
    width_of,
)
from seqshell.core.pictures.page import Bars, HeatMap, Scale, Scatter

CELL = 24.0  # pixels of a cell of a heat map
WIDEST_LABEL = 24  # columns
LONGEST_BAR = 400.0  # pixels
FRAME = 320.0  # pixels of the sides of a scatter plot


def draw_legend(drawing: Drawing, scale: Scale, left: float) -> None:
    """Draw the colours of a scale between its ends, and what it is."""
    low, high = scale.ends
    x = drawing.write(f"{scale.unit} {low:.4g} ".lstrip(), left, paints.DIM)
    for name in paints.steps(scale):
        drawing.add(Box(x, drawing.down + 4, 6, LINE - 8, name or paints.PAGE))
        x += 6
    found = f" · values {scale.low:.4g} to {scale.high:.4g}" if scale.is_two_sided else ""
    drawing.write(f" {high:.4g}{found}", x, paints.DIM)
    drawing.end_line(1.3)


def draw_heat_map(drawing: Drawing, block: HeatMap, left: float) -> None:
    """Draw the labels, a cell for each value, and the legend."""
    rows = [shown(label, WIDEST_LABEL) for label in block.rows]
    columns = [shown(label, WIDEST_LABEL) for label in block.columns]
    start = left + (max(map(width_of, rows), default=0) + 1) * CHARACTER
    drawing.down += max(map(width_of, columns), default=0) * CHARACTER + 4
    for index, label in enumerate(columns):
        drawing.add(Words(start + (index + 0.5) * CELL + 5, drawing.down - 4, label, paints.DIM, turned=True))
    for label, full, values in zip(rows, block.rows, block.values, strict=True):
        drawing.add(Words(start - CHARACTER, drawing.down + 17, label, paints.DIM, end=True))
        for index, value in enumerate(values):
            note = f"{full} · {block.columns[index]} · {block.scale.text(float(value))}"
            x = start + index * CELL
            drawing.add(Box(x, drawing.down, CELL, CELL, paints.RULE))
            name = paints.step(block.scale, float(value)) or paints.PAGE
            drawing.add(Box(x + 0.5, drawing.down + 0.5, CELL - 1, CELL - 1, name, note))
        drawing.down += CELL
    drawing.across = max(drawing.across, start + len(columns) * CELL)
    drawing.end_line(0.4)
    draw_legend(drawing, block.scale, left)


def draw_bars(drawing: Drawing, block: Bars, left: float) -> None:
    """Draw a row for each bar: its label, its value, the bar and its note."""
    title = f"{block.title} ({block.unit})" if block.title and block.unit else block.title
    if title:
        drawing.write(shown(title), left, paints.DIM)
        drawing.end_line()
    labels = [shown(label, WIDEST_LABEL) for label in block.labels]
    values = [f"{value:.4g}" for value in block.values]
    largest = max((abs(value) for value in block.values), default=0.0) or 1.0
    number = left + (max(map(width_of, labels), default=0) + 2) * CHARACTER
    start = number + (max(map(len, values), default=0) + 1) * CHARACTER
    for label, text, value, note in zip(labels, values, block.values, block.notes or ("",) * len(labels), strict=True):
        drawing.write(label, left)
        drawing.add(Words(start - CHARACTER, drawing.down + ASCENT, text, paints.DIM, end=True))
        length = LONGEST_BAR * abs(value) / largest
        paint = paints.BAR if value >= 0 else paints.NEGATIVE_BAR
        drawing.add(Box(start, drawing.down + 4, length, LINE - 8, paint, f"{label} · {text} {block.unit}".rstrip()))
        drawing.write(shown(note, WIDEST_LABEL), start + length + CHARACTER, paints.DIM)
        drawing.across = max(drawing.across, start + LONGEST_BAR)
        drawing.end_line()


def draw_scatter(drawing: Drawing, block: Scatter, left: float) -> None:
    """Draw a frame with the ends of both axes, and a dot for each point."""
    if block.title:
        drawing.write(shown(block.title), left, bold=True)
        drawing.end_line(1.2)
    y_title = shown(block.y.title)
    ends = [f"{block.y.low:.3g}", f"{block.y.high:.3g}"]
    start = left + LINE + (max(map(len, ends)) + 1) * CHARACTER
    top, bottom = drawing.down, drawing.down + FRAME
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = start + part * FRAME, bottom - part * FRAME
        drawing.add(Stroke(x, top, x, bottom))
        drawing.add(Stroke(start, y, start + FRAME, y))
    drawing.add(Words(start - CHARACTER, bottom, ends[0], paints.DIM, end=True))
    drawing.add(Words(start - CHARACTER, top + ASCENT - 4, ends[1], paints.DIM, end=True))
    drawing.add(
        Words(left + ASCENT, (top + bottom + width_of(y_title) * CHARACTER) / 2, y_title, paints.DIM, turned=True)
    )

    def place(x: float, y: float) -> tuple[float, float]:
        return start + FRAME * block.x.share(x), bottom - FRAME * block.y.share(y)

    if block.guide:
        drawing.add(Track(tuple(place(*point) for point in block.guide), paints.DIM))
    for x_value, y_value, label in block.points:
        x, y = place(x_value, y_value)
        note = f"{label} · {x_value:.4g}, {y_value:.4g}".removeprefix(" · ")
        drawing.add(Dot(x, y, 3.5, paints.BAR, note))
    drawing.down = bottom
    drawing.write(f"{block.x.low:.3g}", start, paints.DIM)
    high = f"{block.x.high:.3g}"
    drawing.add(Words(start + FRAME, drawing.down + ASCENT, high, paints.DIM, end=True))
    title = shown(block.x.title)
    drawing.write(title, start + (FRAME - width_of(title) * CHARACTER) / 2, paints.DIM)
    drawing.across = max(drawing.across, start + FRAME)
    drawing.end_line(1.5)
