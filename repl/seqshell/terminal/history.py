"""The lines typed in earlier sessions, one file for all shells of the user. A line is in the file once it was sent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit.history import History

if TYPE_CHECKING:
    from pathlib import Path

MOST_READ = 1_000_000  # bytes from the end of the file


class LineHistory(History):
    """A JSON string a line, oldest first, so that blocks keep their newlines. A file that cannot be read or written is done without.

    find: where the file is, asked when it is first read, which is after the prompt stands.
    """

    def __init__(self, find: Callable[[], Path]) -> None:
        super().__init__()
        self._find = find

    def load_history_strings(self) -> Iterable[str]:
        """The lines, latest first."""
        try:
            with self._find().open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_READ))
                lines = file.read().splitlines()
        except OSError:
            return
        for line in reversed(lines):
            with suppress(ValueError):
                text = json.loads(line)
                if isinstance(text, str):
                    yield text

    def store_string(self, string: str) -> None:
        """Add a line; one write, so that the lines of two shells do not mix."""
        with suppress(OSError):
            path = self._find()
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab", buffering=0) as file:
                file.write(json.dumps(string).encode("ascii") + b"\n")
