"""Text files as users give them: UTF-8, read whole, with one clear line for each that cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from seqshell.core.errors import UsageError

LARGEST_FILE = 1_000_000_000  # bytes that @FILE reads


def read_file(name: str, read_stdin: Callable[[], str] | None = None) -> str:
    """The text of a file, or of stdin for `-`: UTF-8, a byte order mark skipped, CRLF read as a newline. UsageError says what is wrong."""
    if name == "-":
        if read_stdin is None:
            raise UsageError("@- reads stdin, which is the terminal or the script here; @FILE reads a file")
        return read_stdin()
    path = Path(name).expanduser()
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{name} is no plain file")
            if status.st_size > LARGEST_FILE:
                raise UsageError(f"{name} has {status.st_size:,} bytes; @FILE reads at most {LARGEST_FILE:,}")
            return decoded(file.read(), name)
    except IsADirectoryError:
        raise UsageError(f"{name} is a folder") from None
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot read {name}: {getattr(error, 'strerror', None) or error}; a text that starts with @ is written with @@"
        ) from None


def decoded(data: bytes, name: str) -> str:
    """UTF-8 as text, without byte order mark and carriage returns before newlines; UsageError names the line that is no UTF-8."""
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name} is not UTF-8 in line {line}", code="undecodable") from None
