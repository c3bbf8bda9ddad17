"""Reads the text files that a user names: UTF-8, read whole; .gz files are unpacked. Each error is one clear line."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from seqshell.core.errors import UsageError
from seqshell.core.tables.encoding import decode

MAX_FILE_SIZE = 1_000_000_000  # bytes that @FILE reads, and that a .gz file may have when it is unpacked
PACKED = ".gz"


def read_file(name: str, read_stdin: Callable[[], str] | None = None, *, hint: str = "") -> str:
    """Read a file, or stdin for `-`, as `unpacked` and `decoded` do.

    Raises UsageError if the file cannot be read. hint: what to do if there is no such file.
    """
    if name == "-":
        if read_stdin is None:
            raise UsageError("@- reads stdin, which is the terminal or the script here; use @FILE to read a file")
        return read_stdin()
    path = Path(name).expanduser()
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{name} is not a regular file")
            if status.st_size > MAX_FILE_SIZE:
                raise UsageError(f"{name} has {status.st_size:,} bytes; @FILE reads at most {MAX_FILE_SIZE:,}")
            return decoded(unpacked(file.read(), name), name)
    except IsADirectoryError:
        raise UsageError(f"{name} is a folder") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}", hint=hint) from None


def is_file(text: str) -> bool:
    """Whether a text is the name of a file, such as notes.txt. Never raises."""
    try:
        return text.strip() != "" and Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null character
        return False


def unpacked(data: bytes, name: str) -> bytes:
    """The content of a file; if its name ends in .gz, without the compression.

    Raises UsageError for data that are not gzip, or that have more than MAX_FILE_SIZE bytes when they are unpacked; of
    such data, no more than that is ever in memory.
    """
    if not name.lower().endswith(PACKED):
        return data
    import gzip
    import io
    import zlib

    try:
        with gzip.open(io.BytesIO(data)) as file:
            content = file.read(MAX_FILE_SIZE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"cannot unpack {name}: {str(error)[:1].lower()}{str(error)[1:]}") from None
    if len(content) > MAX_FILE_SIZE:
        raise UsageError(f"{name} has more than {MAX_FILE_SIZE:,} bytes when it is unpacked, which is the limit")
    return content


def decoded(data: bytes, name: str) -> str:
    """Decode UTF-8 or UTF-16 and turn CRLF into newlines, as training does. Raises UsageError, with line and byte."""
    return decode(data, name)[0]
