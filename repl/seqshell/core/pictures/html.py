"""Writes a page as HTML: one file without scripts or network access, for dark and light pages and for any width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatch
from itertools import groupby
from typing import Any

from seqshell.core.pictures import paints
from seqshell.core.pictures.escaping import escaped
from seqshell.core.pictures.html_style import style
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
from seqshell.core.text_output import cell

# Nothing may be loaded, and no script may run, whatever a text contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def document(page: Page) -> str:
    """A whole HTML file."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escaped(page.title or 'seqshell').strip()}</title>\n"
        f"<style>{style()}</style>\n</head>\n"
        f'<body class="seqshell">\n<main>\n{body(page)}\n</main>\n</body>\n</html>\n'
    )


def fragment(page: Page) -> str:
    """The same as an element with its own style, as notebooks show it."""
    return f'<div class="seqshell"><style>{style()}</style>\n{body(page)}\n</div>'


def body(page: Page) -> str:
    """The title and the blocks."""
    title = f"<h1>{escaped(page.title)}</h1>\n" if page.title else ""
    about = f'<p class="about">{escaped(page.about)}</p>\n' if page.about else ""
    return title + about + "\n".join("".join(_html(block)) for block in page.blocks)


@singledispatch
def _html(block: Block) -> Iterable[str]:
    """The HTML of a block, in parts."""
    raise TypeError(f"a page has no {type(block).__name__}")


@_html.register
def _(block: Heading) -> Iterator[str]:
    note = f" <small>{escaped(block.note)}</small>" if block.note else ""
    yield f"<h2>{escaped(block.text)}{note}</h2>"


@_html.register
def _(block: Note) -> Iterator[str]:
    yield f'<p class="note">{escaped(block.text)}</p>'


@_html.register
def _(block: Plain) -> Iterator[str]:
    yield f'<pre class="scroll">{escaped(block.text)}</pre>'


@_html.register
def _(block: Passage) -> Iterator[str]:
    yield '<div class="text">'
    for (is_plain, bold), pieces in groupby(block.pieces, lambda piece: (_is_plain(block, piece), piece.bold)):
        yield "<b>" if bold else ""
        if is_plain:
            yield escaped("".join(piece.text for piece in pieces))
        else:
            yield from (_coloured(piece, block.scale) for piece in pieces)
        yield "</b>" if bold else ""
    yield "</div>"
    if block.scale is not None:
        yield _legend(block.scale)


def _is_plain(block: Passage, piece: Piece) -> bool:
    return not piece.note and (piece.value is None or block.scale is None)


def _coloured(piece: Piece, scale: Scale | None) -> str:
    """A piece with its value and note as a title."""
    if scale is None or piece.value is None:
        return f"<span title={_quoted(piece.note)}>{escaped(piece.text)}</span>"
    classes = " ".join(filter(None, (paints.step(scale, piece.value), "nl" if "\n" in piece.text else "")))
    return f"<span{_class(classes)} title={_quoted(note_of(piece, scale))}>{escaped(piece.text)}</span>"


@_html.register
def _(block: Grid) -> Iterator[str]:
    names = "".join(f"<th>{escaped(name)}</th>" for name in block.columns)
    yield '<div class="scroll"><table>'
    yield f"<caption>{escaped(block.title)}</caption>" if block.title else ""
    yield f"<thead><tr>{names}</tr></thead>\n<tbody>" if any(block.columns) else "<tbody>"
    for row in block.rows:
        yield f"<tr>{''.join(map(_cell, row))}</tr>\n"
    yield "</tbody></table></div>"


def _cell(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"<td{_class('number' if is_number else '')}>{escaped(cell(value))}</td>"


@_html.register
def _(block: HeatMap) -> Iterator[str]:
    yield '<div class="scroll"><table class="heat"><thead><tr><td></td>'
    yield "".join(f'<th scope="col"><span>{escaped(name)}</span></th>' for name in block.columns)
    yield "</tr></thead>\n<tbody>"
    for label, row in zip(block.rows, block.values, strict=True):
        yield f'<tr><th scope="row">{escaped(label)}</th>'
        for name, value in zip(block.columns, row, strict=True):
            title = f"{label} · {name} · {block.scale.text(float(value))}"
            yield f"<td{_class(paints.step(block.scale, float(value)))} title={_quoted(title)}></td>"
        yield "</tr>\n"
    yield "</tbody></table></div>"
    yield _legend(block.scale)


@_html.register
def _(block: Bars) -> Iterator[str]:
    largest = max((abs(value) for value in block.values), default=0.0) or 1.0
    notes = block.notes or ("",) * len(block.labels)
    yield '<div class="scroll"><table class="bars">'
    title = f"{block.title} ({block.unit})" if block.title and block.unit else block.title
    yield f"<caption>{escaped(title)}</caption><tbody>" if title else "<tbody>"
    for label, value, note in zip(block.labels, block.values, notes, strict=True):
        width = 100 * abs(value) / largest
        bar = f'<i{_class("" if value >= 0 else "against")} style="width:{width:.2f}%"></i>'
        shown = f"{value:.4g}" + (f" <small>{escaped(note)}</small>" if note else "")
        yield f'<tr><th scope="row">{escaped(label)}</th><td class="number">{shown}</td><td>{bar}</td></tr>\n'
    yield "</tbody></table></div>"


@_html.register
def _(block: Tree) -> Iterator[str]:
    yield f'<p class="note">{escaped(block.title)}</p>' if block.title else ""
    yield '<ul class="tree scroll">'
    scale = Scale(0, 1)
    for lines, twig in rows_of_tree(block):
        name = "" if twig.probability is None else paints.step(scale, twig.probability)
        share = "" if twig.probability is None else f" {100 * twig.probability:.3g} %"
        note = f" <small>{escaped(twig.note)}</small>" if twig.note else ""
        classes = " ".join(filter(None, ("marked" if twig.marked else "", "dim" if twig.dim else "")))
        label = f"<span{_class(name)}>{escaped(twig.label)}</span>"
        yield f'<li{_class(classes)}><span class="lines">{lines}</span>{label}{share}{note}</li>'
    yield "</ul>"


@_html.register
def _(block: Scatter | Curves) -> Iterator[str]:
    from seqshell.core.pictures.svg import picture

    wide = " scroll" if isinstance(block, Curves) else ""  # on a phone, its words would be too small to read
    yield f'<div class="plot{wide}">{picture(block)}</div>'


def _legend(scale: Scale) -> str:
    """The colours of a scale between its ends, and the range of the values."""
    low, high = scale.ends
    blocks = "".join(f"<span{_class(name)}></span>" for name in paints.steps(scale))
    found = f" · values {scale.low:.4g} to {scale.high:.4g}" if scale.is_two_sided else ""
    unit = f"{escaped(scale.unit)} " if scale.unit else ""
    return f'<p class="legend">{unit}{low:.4g} <span class="scale">{blocks}</span> {high:.4g}{found}</p>'


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _quoted(text: str) -> str:
    """A value of an attribute, in which line breaks are shown as they are."""
    return f'"{escaped(text)}"'
