"""Writes a page as PNG, PDF or JPEG, with matplotlib, which is optional: the same shapes as SVG, on a light page."""

from __future__ import annotations

import importlib.util
import warnings
from functools import singledispatch
from io import BytesIO
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.pictures.drawing import FONT, Box, Dot, Shape, Stroke, Track, Words
from seqshell.core.pictures.layout import laid_out
from seqshell.core.pictures.page import Page
from seqshell.core.pictures.paints import PAGE, paints

DPI = 144  # dots of an inch, in which SVG has 96 pixels
POINTS = 72
INCH = 96
LARGEST = 20_000  # pixels of a side


def require_matplotlib() -> None:
    """Raise UsageError, before the work, if it is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("a picture needs matplotlib: pip install matplotlib; .html, .svg, .json and .txt work without")


def picture(page: Page, ending: str) -> bytes:
    """The page as a file of this ending: png, pdf, jpg or jpeg. UsageError if it is too large."""
    require_matplotlib()
    from matplotlib.figure import Figure

    drawing = laid_out(page)
    if max(drawing.across, drawing.down) > LARGEST:
        raise UsageError(f"a .{ending} of {drawing.across:.0f} x {drawing.down:.0f} pixels is too large; use .html")
    data = BytesIO()
    figure = Figure(figsize=(drawing.across / INCH, drawing.down / INCH), facecolor=paints()[PAGE])
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, drawing.across)
    axes.set_ylim(drawing.down, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that is missing in the font is drawn as a box
        for shape in drawing.shapes:
            _draw(shape, axes)
        figure.savefig(data, format=ending, dpi=DPI)
    return data.getvalue()


@singledispatch
def _draw(shape: Shape, axes: Any) -> None:
    """Draw a shape."""
    raise TypeError(type(shape).__name__)


@_draw.register
def _(shape: Box, axes: Any) -> None:
    from matplotlib.patches import Rectangle

    colour = paints()[shape.paint]
    axes.add_patch(Rectangle((shape.x, shape.y), shape.width, shape.height, facecolor=colour, linewidth=0))


@_draw.register
def _(shape: Words, axes: Any) -> None:
    axes.text(
        shape.x,
        shape.y,
        shape.text,
        color=paints()[shape.paint],
        fontsize=FONT * POINTS / INCH,
        family="monospace",
        weight="bold" if shape.bold else "normal",
        ha="right" if shape.end else "left",
        va="baseline",
        rotation=90 if shape.turned else 0,
        rotation_mode="anchor",
        parse_math=False,
    )


@_draw.register
def _(shape: Stroke, axes: Any) -> None:
    axes.plot([shape.x, shape.to_x], [shape.y, shape.to_y], color=paints()[shape.paint], linewidth=0.75)


@_draw.register
def _(shape: Dot, axes: Any) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle((shape.x, shape.y), shape.radius, facecolor=paints()[shape.paint], alpha=0.6, linewidth=0))


@_draw.register
def _(shape: Track, axes: Any) -> None:
    colour = paints()[shape.paint]
    if shape.filled and shape.points:
        from matplotlib.patches import Polygon

        axes.add_patch(Polygon(shape.points, facecolor=colour, alpha=0.2, linewidth=0))
    elif shape.points:
        axes.plot(*zip(*shape.points, strict=True), color=colour, linewidth=1)
