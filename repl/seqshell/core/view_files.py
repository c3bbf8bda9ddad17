"""Writes what an event shows to a file: text, JSON, a table or a picture, by its ending; whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import UsageError
from seqshell.core.events.base import Event, Rows
from seqshell.core.json_values import tidy
from seqshell.core.named_files import output_file, shown_name
from seqshell.core.text_files import PACKED

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

RASTERS = (".png", ".pdf", ".jpg", ".jpeg")  # drawn by matplotlib
PICTURES = (".html", ".svg", *RASTERS)
TABLES = {".csv": ",", ".tsv": "\t"}


def text_place(word: str) -> Path:
    """The path to write a text to, checked before the work that makes it. Raises UsageError if it cannot be written."""
    path = _place(word)
    if path.suffix.lower() in PICTURES:
        raise UsageError(f"a text cannot be written as a picture; end {word} in .txt or .json")
    return path


def view_place(word: str) -> Path:
    """The path to write what a command shows to, as a picture, a table, JSON or text, checked before the work.

    Raises UsageError if it cannot be written, for an unknown ending, and if matplotlib is missing for a PNG.
    """
    path = _place(word)
    ending = path.suffix.lower()
    if ending not in ("", *PICTURES, *TABLES, ".json", ".txt"):
        raise UsageError(
            f"unknown ending of {word}; use .html, .svg, .png or .pdf for a picture, .json, .csv or .tsv for the "
            "numbers, or .txt"
        )
    if ending in RASTERS:
        from seqshell.core.pictures.raster import require_matplotlib

        require_matplotlib()
    return path


def write_view(
    word: str, event: Event, text: str | None = None, as_json: Mapping[str, Any] | None = None, *, about: str = ""
) -> Path:
    """Write what an event shows, in the format of the ending; without an ending, its text.

    text, as_json: what a .txt and a .json file have instead of the text and the JSON of the event. about: where it is
    from, below the title of a picture that has no such line. Returns the path.
    Raises UsageError if it cannot be written, or if the event has nothing to write in this format.
    """
    path = view_place(word)
    ending = path.suffix.lower()
    if ending in PICTURES:
        page = event.as_page()
        if page is None:
            raise UsageError(f"there is no picture of this; end {word} in .txt or .json")
        return write_page(word, replace(page, about=page.about or about))
    rows = event.as_rows()
    if ending in TABLES and rows is None:
        raise UsageError(f"there is no table of this; end {word} in .html, .svg, .png, .json or .txt")
    text = f"{event.as_text() or ''}\n" if text is None else text
    return write_text(word, text, event.as_json() if as_json is None else as_json, rows)


def write_page(word: str, page: Page) -> Path:
    """Write a page as a picture of the kind of its ending. Returns the path."""
    path = view_place(word)
    write_atomically(path, _picture(page, path.suffix.lower()[1:]))
    return path


def _picture(page: Page, kind: str) -> bytes:
    """A page as the content of a file: html, svg, png, pdf, jpg or jpeg."""
    if kind == "html":
        from seqshell.core.pictures import html

        return html.document(page).encode("utf-8")
    if kind == "svg":
        from seqshell.core.pictures import svg

        return svg.document(page).encode("utf-8")
    from seqshell.core.pictures import raster

    return raster.picture(page, kind)


def write_text(word: str, text: str, as_json: Mapping[str, Any], rows: Rows | None = None) -> Path:
    """Write the text or, to a .json file, `as_json`; to a .csv or .tsv file the rows, if there are any.

    Returns the path. Raises UsageError if it cannot be written.
    """
    path = _place(word)
    ending = path.suffix.lower()
    if ending == ".json":
        text = json.dumps(tidy(as_json), ensure_ascii=False) + "\n"
    elif ending in TABLES and rows is not None:
        text = as_table(rows, TABLES[ending])
    write_atomically(path, text.encode("utf-8", "replace"))
    return path


def as_table(rows: Rows, delimiter: str) -> str:
    """The rows as text, in the dialect of RFC 4180 with newlines; numbers as in JSON, an absent one empty."""
    file = StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(map(tidy, rows))
    return file.getvalue()


def _place(word: str) -> Path:
    """The path of a regular file, or a new one, in a writable folder. Raises UsageError otherwise."""
    path = output_file(word)
    if path.suffix.lower() == PACKED:
        raise UsageError(f"cannot write {shown_name(word)}: what is written is not packed; leave out {PACKED}")
    return path
