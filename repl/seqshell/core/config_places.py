"""In which line of config.toml a key is, for messages; tomllib does not say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from seqshell.core.errors import SeqshellError
from seqshell.core.named_files import read_bytes
from seqshell.core.paths import MAX_CONFIG, config_file

_PART = r'(?:"(?:[^"\\]|\\.)*"|\'[^\']*\'|[A-Za-z0-9_-]+)'
_NAME = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_NAME})\s*\]")
_KEY = re.compile(rf"\s*({_NAME})\s*=")
_QUOTES = re.compile(r'"""|\'\'\'')


def config_place(*keys: str) -> str:
    """Where a key is, such as config_place("settings", "top_k"): config.toml:3, or config.toml if it is not found.

    A key inside a value, or one that is missing, is in the line of what contains it. A key may have dots.
    """
    path = config_file()
    try:
        status = os.stat(path)
        lines = _lines(path, status.st_mtime_ns, status.st_size)
    except (OSError, SeqshellError, ValueError):  # it was removed or changed meanwhile
        lines = {}
    parts = ".".join(keys).split(".")
    names = (".".join(parts[:number]) for number in range(len(parts), 0, -1))
    line = next((lines[name] for name in names if name in lines), None)
    return path.name if line is None else f"{path.name}:{line}"


@lru_cache(maxsize=1)  # a file with thousands of mistakes is read once
def _lines(path: Path, changed: int, size: int) -> Mapping[str, int]:
    """The first line, from 1, of each key and table, and of what contains it. changed, size: of the file."""
    found: dict[str, int] = {}
    for number, name in keys_of(read_bytes(path, most=MAX_CONFIG).decode("utf-8")):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            found.setdefault(".".join(parts[:length]), number)
    return found


def keys_of(text: str) -> Iterator[tuple[int, str]]:
    """The number of each line of a TOML file that has a key or the head of a table, and its name in full."""
    table, quotes = "", ""
    for number, line in enumerate(text.split("\n"), 1):
        head = None if quotes else _TABLE.match(line)
        key = None if quotes or head else _KEY.match(line)
        if head:
            table = _full(head[1])
            yield number, table
        elif key:
            yield number, ".".join(filter(None, (table, _full(key[1]))))
        for mark in _QUOTES.findall(line):  # a text of several lines may look like keys
            quotes = "" if quotes == mark else quotes or mark


def _full(name: str) -> str:
    """A key as it is written, without its quotes."""
    import tomllib

    found: Any = tomllib.loads(f"{name} = 0")
    parts = []
    while isinstance(found, dict):
        ((part, found),) = found.items()
        parts.append(part)
    return ".".join(parts)
