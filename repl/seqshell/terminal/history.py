"""The history of typed lines, in one file for all of the user's shells. A line is written when it is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from prompt_toolkit.history import History

from seqshell.core.errors import SeqshellError
from seqshell.core.json_values import parsed
from seqshell.core.named_files import opened

if TYPE_CHECKING:
    from pathlib import Path

MAX_READ = 1_000_000  # bytes from the end of the file


class LineHistory(History):
    """Stores one JSON string per line, oldest first, so that blocks keep their newlines.

    Ignores a file that it cannot read or write.

    find: returns the path of the file; first called after the prompt is drawn.
    """

    def __init__(self, find: Callable[[], Path]) -> None:
        super().__init__()
        self._find = find

    def load_history_strings(self) -> Iterable[str]:
        """Yield the lines, latest first."""
        try:
            with opened(self._find()) as file:
                start = file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_READ))
                lines = file.read().splitlines()
        except SeqshellError:
            return
        for line in reversed(lines[1:] if start else lines):  # the first one is cut
            with suppress(ValueError):
                text = parsed(line)
                if isinstance(text, str):
                    yield text

    def store_string(self, string: str) -> None:
        """Append a line in one write, so that the lines of two shells do not mix.

        A last line that was cut, by a full disk or a kill, is ended first: it is lost, but not the line after it.
        """
        with suppress(OSError, SeqshellError):
            path = self._find()
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as file:
                start = b"\n" if _is_cut(file) else b""
                file.write(start + json.dumps(string).encode("ascii") + b"\n")


def _is_cut(file: BinaryIO) -> bool:
    """Whether the last line has no end."""
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"
