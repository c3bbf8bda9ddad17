"""Writes the files of `-o`: text, JSON, a table or a picture, by the ending of the name; whole or not at all."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import UsageError
from seqshell.core.events import Data, Event, Notice
from seqshell.core.events.base import Rows
from seqshell.core.json_values import tidy
from seqshell.core.named_files import output_file, shown_name
from seqshell.core.plugin_api import Arguments
from seqshell.core.text_files import PACKED

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg")
TABLES = {".csv": ",", ".tsv": "\t"}
TABLE_OPTION = {"-o FILE": "write the table to FILE (.csv, .tsv, .json or .txt)"}
Draw = Callable[[Any], None]  # draws on a matplotlib Figure


def text_place(word: str) -> Path:
    """The path to write a text to, checked before the work that makes it. Raises UsageError if it cannot be written."""
    path = _place(word)
    if path.suffix.lower() in PICTURES:
        raise UsageError(f"a text cannot be written as a picture; end {word} in .txt or .json")
    return path


def picture_place(word: str) -> Path:
    """The path to write a picture, its numbers or its text to.

    Raises UsageError if it cannot be written, for an unknown ending, and if matplotlib is missing.
    """
    path = _place(word)
    ending = path.suffix.lower()
    if ending not in (*PICTURES, *TABLES, ".json", ".txt"):
        raise UsageError(
            f"unknown ending of {word}; use .png, .svg or .pdf for a picture, .json, .csv or .tsv for the numbers, "
            "or .txt"
        )
    if ending in PICTURES and importlib.util.find_spec("matplotlib") is None:
        raise UsageError("a picture needs matplotlib: pip install matplotlib; .json and .txt work without")
    return path


def write_text(word: str, text: str, as_json: Mapping[str, Any], rows: Rows | None = None) -> Path:
    """Write the text or, to a .json file, `as_json`; to a .csv or .tsv file the rows, if there are any.

    Returns the path. Raises UsageError if it cannot be written.
    """
    path = text_place(word)
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


def write_result(word: str, event: Event) -> Path:
    """Write the rows, the JSON or the text of an event, as `write_text`."""
    return write_text(word, f"{event.as_text() or ''}\n", event.as_json(), event.as_rows())


def to_file(shell: Shell, arguments: Arguments, events: Iterable[Event]) -> Iterator[Event]:
    """The events; with -o, those that are tables are written to the file instead."""
    file = str(arguments.options.get("-o", ""))
    if file:
        text_place(file)
    for event in events:
        if not file or event.as_rows() is None:
            yield event
            continue
        path = write_result(file, event)
        if shell.interactive:
            yield Notice(f"written to {path}")
        yield Data(event.as_json())


def write_picture(word: str, draw: Draw, event: Event, text: str, as_json: Mapping[str, Any]) -> Path:
    """Write what `draw` draws, or the rows of the event, its text or its numbers, by the ending.

    Returns the path. Raises UsageError if it cannot be written.
    """
    path = picture_place(word)
    if path.suffix.lower() not in PICTURES:
        return write_text(word, text, as_json, event.as_rows())
    import warnings

    from matplotlib.figure import Figure

    data = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that is missing in the font is drawn as a box
        figure = Figure(layout="constrained")
        draw(figure)
        figure.savefig(data, format=path.suffix.lower()[1:], dpi=120)
    write_atomically(path, data.getvalue())
    return path


def _place(word: str) -> Path:
    """The path of a regular file, or a new one, in a writable folder. Raises UsageError otherwise."""
    path = output_file(word)
    if path.suffix.lower() == PACKED:
        raise UsageError(f"cannot write {shown_name(word)}: what is written is not packed; leave out {PACKED}")
    return path
