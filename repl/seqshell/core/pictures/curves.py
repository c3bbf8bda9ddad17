"""Lays out values over steps as shapes: lines with bands, in a frame whose ends are named."""

from __future__ import annotations

import math

from seqshell.core.pictures import paints
from seqshell.core.pictures.drawing import ASCENT, CHARACTER, LINE, Dot, Drawing, Stroke, Track, Words, shown, width_of
from seqshell.core.pictures.page import Curve, Curves

WIDTH, HEIGHT = 640.0, 220.0  # pixels of the frame
DOT = 3.0  # pixels of the radius of a dot


def draw_curves(drawing: Drawing, block: Curves, left: float) -> None:
    """Draw the frame, a line for each curve, and what they are."""
    if block.title:
        drawing.write(shown(block.title), left, bold=True)
        drawing.end_line(1.2)
    values = [
        value for curve in block.curves for value in (*curve.values, *curve.low, *curve.high) if math.isfinite(value)
    ] or [0.0]
    low, high = min(values), max(values)
    steps = [step for curve in block.curves for step in curve.places] or [0]
    first, last = min(steps), max(steps)
    ends = [f"{low:.4g}", f"{high:.4g}"]
    start = left + (max(map(len, ends)) + 1) * CHARACTER
    top, bottom = drawing.down, drawing.down + HEIGHT
    down, across = _Place(low, high, bottom, -HEIGHT), _Place(first, last, start, WIDTH)
    for y, text in zip((bottom, top + ASCENT - 4), ends, strict=True):
        drawing.add(Words(start - CHARACTER, y, text, paints.DIM, end=True))
    for y in (top, (top + bottom) / 2, bottom):
        drawing.add(Stroke(start, y, start + WIDTH, y))
    for curve in block.curves:
        _draw(drawing, curve, across, down)
    drawing.down = bottom
    for step, name in block.names or ((first, str(first)), (last, str(last))):
        at_end = across(step) > start + WIDTH / 2
        drawing.add(Stroke(across(step), bottom, across(step), bottom + 4))
        drawing.add(Words(across(step), bottom + ASCENT + 3, shown(name), paints.DIM, end=at_end))
    drawing.across = max(drawing.across, start + WIDTH)
    drawing.end_line(1.1)
    x = drawing.write(shown(block.x), start, paints.DIM) + 2 * CHARACTER
    for curve in block.curves:
        if x > start and x + (width_of(shown(curve.label)) + 3) * CHARACTER > start + WIDTH:
            drawing.end_line()
            x = start
        drawing.add(Stroke(x, drawing.down + LINE / 2, x + 2 * CHARACTER, drawing.down + LINE / 2, _paint(curve)))
        if curve.has_dots:
            drawing.add(Dot(x + CHARACTER, drawing.down + LINE / 2, DOT, _paint(curve)))
        x = drawing.write(shown(curve.label), x + 3 * CHARACTER, paints.DIM) + 2 * CHARACTER
    drawing.end_line(1.3)


def _draw(drawing: Drawing, curve: Curve, across: _Place, down: _Place) -> None:
    steps = curve.places
    if curve.low and curve.high:
        lower = [(across(step), down(value)) for step, value in zip(steps, curve.low, strict=True)]
        upper = [(across(step), down(value)) for step, value in zip(steps, curve.high, strict=True)]
        around = [point for point in (*lower, *reversed(upper)) if math.isfinite(point[1])]
        drawing.add(Track(tuple(around), _paint(curve), filled=True))
    points = [(across(step), down(value)) for step, value in zip(steps, curve.values, strict=True)]
    drawing.add(Track(tuple(point for point in points if math.isfinite(point[1])), _paint(curve)))
    if curve.has_dots:
        for step, value, (x, y) in zip(steps, curve.values, points, strict=True):
            if math.isfinite(y):
                drawing.add(Dot(x, y, DOT, _paint(curve), f"{curve.label} · {step:,} · {value:.4g}"))


def _paint(curve: Curve) -> str:
    if curve.category is not None:
        return paints.category(curve.category)
    return paints.BAR if curve.is_main else paints.DIM


class _Place:
    """Where a value is drawn, in pixels; NaN stays NaN."""

    def __init__(self, low: float, high: float, start: float, length: float) -> None:
        self.scale = (low, high, start, length)

    def __call__(self, value: float) -> float:
        low, high, start, length = self.scale
        return start + length * ((value - low) / (high - low) if high > low else 0.5)
