"""The option -o FILE: it writes what a command shows to a file, in the format of its ending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seqshell.core.events import Data, Event, Notice
from seqshell.core.plugin_api import Arguments
from seqshell.core.text_output import brief
from seqshell.core.view_files import view_place, write_view

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

TABLE_OPTION = {"-o FILE": "write the table to FILE (.csv, .tsv, .json, .txt, .html, .svg or .png)"}
PICTURES_HELP = "write a picture (.html, .svg, .png, .pdf), the numbers (.csv, .tsv, .json) or text (.txt)"
PICTURE_OPTION = {"-o FILE": PICTURES_HELP}
NO_TEXT: Mapping[str, Any] = MappingProxyType({"text": ""})  # the JSON of a command that shows nothing


def to_file(shell: Shell, arguments: Arguments, work: Callable[[], Iterable[Event]]) -> Iterator[Event]:
    """The events of some work; with -o, those that have rows are written to the file instead.

    The name of the file is checked before the work.
    """
    file = str(arguments.options.get("-o", ""))
    if file:
        view_place(file)
    for event in work():
        if not file or event.as_rows() is None:
            yield event
            continue
        yield from written(shell, write_view(file, event, about=origin(shell)), event.as_json())


def written(
    shell: Shell, path: Path, shown: Mapping[str, Any] = NO_TEXT, note: str = "", op: str = ""
) -> Iterator[Event]:
    """Says that a file was written: the note at the prompt, and in JSON the path, as "file".

    shown: the other fields of the JSON. note: by default "written to PATH". op: as in Data.
    """
    if shell.interactive:
        yield Notice(note or f"written to {path}")
    yield Data({**shown, "file": str(path)}, op)


def origin(shell: Shell) -> str:
    """Where what a command shows is from: the line that is being executed."""
    return brief(shell.line.text) if shell.line is not None else ""
