"""Writes a page as SVG: with colours for a light page in its attributes and for a dark one in its style."""

from __future__ import annotations

from functools import singledispatch

from seqshell.core.pictures.drawing import FONT, Box, Dot, Drawing, Shape, Stroke, Track, Words
from seqshell.core.pictures.escaping import escaped
from seqshell.core.pictures.layout import laid_out
from seqshell.core.pictures.page import Block, Page
from seqshell.core.pictures.paints import PAGE, paints

_FONTS = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def document(page: Page) -> str:
    """A whole SVG file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_svg(laid_out(page), page.title)}\n'


def picture(block: Block) -> str:
    """A block as an element of HTML."""
    return _svg(laid_out(Page((block,))), "")


def _svg(drawing: Drawing, title: str) -> str:
    size = f"{drawing.across:.0f} {drawing.down:.0f}"
    width, height = size.split()
    background = Box(0, 0, float(width), float(height), PAGE)
    name = f"<title>{escaped(title)}</title>" if title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{width}" height="{height}" '
        f'font-family="{_FONTS}" font-size="{FONT:g}">{name}\n'
        f"<style>{_style(drawing)}</style>\n{''.join(map(_element, [background, *drawing.shapes]))}</svg>"
    )


def _style(drawing: Drawing) -> str:
    """The rules for a dark page, of the colours in use."""
    dark = paints(dark=True)
    names = sorted({PAGE, *(shape.paint for shape in drawing.shapes)})
    rules = "".join(
        f"svg .{name}{{fill:{dark[name]}}}svg line.{name},svg .track.{name}{{stroke:{dark[name]}}}" for name in names
    )
    return f".track{{fill:none!important}}text{{white-space:pre}}@media (prefers-color-scheme:dark){{{rules}}}"


@singledispatch
def _element(shape: Shape) -> str:
    """A shape as an element."""
    raise TypeError(type(shape).__name__)


@_element.register
def _(shape: Box) -> str:
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}"'
    return f"<rect {place}{_fill(shape.paint)}{_end('rect', shape.note)}\n"


@_element.register
def _(shape: Words) -> str:
    turned = f' transform="rotate(-90 {shape.x:.1f} {shape.y:.1f})"' if shape.turned else ""
    # The same length whatever font is there, so that colours stay below their tokens.
    length = f' textLength="{shape.length:.1f}" lengthAdjust="spacingAndGlyphs"'
    anchor = ' text-anchor="end"' if shape.end else ""
    bold = ' font-weight="bold"' if shape.bold else ""
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}"{length}{anchor}{bold}{turned}'
    return f'<text {place} xml:space="preserve"{_fill(shape.paint)}>{escaped(shape.text)}</text>\n'


@_element.register
def _(shape: Stroke) -> str:
    place = f'x1="{shape.x:.1f}" y1="{shape.y:.1f}" x2="{shape.to_x:.1f}" y2="{shape.to_y:.1f}"'
    return f'<line {place} class="{shape.paint}" stroke="{paints()[shape.paint]}"/>\n'


@_element.register
def _(shape: Dot) -> str:
    place = f'cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:.1f}" fill-opacity="0.6"'
    return f"<circle {place}{_fill(shape.paint)}{_end('circle', shape.note)}\n"


@_element.register
def _(shape: Track) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    if shape.filled:
        return f'<polygon points="{points}" fill-opacity="0.2"{_fill(shape.paint)}/>\n'
    colour = paints()[shape.paint]
    return f'<polyline points="{points}" class="track {shape.paint}" stroke="{colour}" fill="none"/>\n'


def _fill(paint: str) -> str:
    return f' class="{paint}" fill="{paints()[paint]}"'


def _end(name: str, note: str) -> str:
    """The end of an element, with its note, which a browser shows beside the mouse."""
    return f"><title>{escaped(note)}</title></{name}>" if note else "/>"
