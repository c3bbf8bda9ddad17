"""The option -o FILE: it writes what a command shows to a file, in the format of its ending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seqshell.core.events import Data, Event, Notice
from seqshell.core.plugin_api import Arguments
from seqshell.core.text_output import brief
from seqshell.core.view_files import view_place, write_view

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

TABLE_OPTION = {"-o FILE": "write the table to FILE (.csv, .tsv, .json, .txt, .html, .svg or .png)"}
PICTURES_HELP = "write a picture (.html, .svg, .png, .pdf), the numbers (.csv, .tsv, .json) or text (.txt)"
PICTURE_OPTION = {"-o FILE": PICTURES_HELP}


def to_file(shell: Shell, arguments: Arguments, events: Iterable[Event]) -> Iterator[Event]:
    """The events; with -o, those that have rows are written to the file instead."""
    file = str(arguments.options.get("-o", ""))
    if file:
        view_place(file)
    for event in events:
        if not file or event.as_rows() is None:
            yield event
            continue
        path = write_view(file, event, about=origin(shell))
        if shell.interactive:
            yield Notice(f"written to {path}")
        yield Data(event.as_json())


def origin(shell: Shell) -> str:
    """Where what a command shows is from: the line that is being executed."""
    return brief(shell.line.text) if shell.line is not None else ""
