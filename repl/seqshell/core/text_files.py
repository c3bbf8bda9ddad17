"""Reads the text files that a user names: UTF-8, read whole; .gz files are unpacked. Each error is one clear line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from seqshell.core.errors import UsageError
from seqshell.core.named_files import MAX_FILE_SIZE, read_bytes
from seqshell.core.tables.encoding import decode

PACKED = ".gz"


def read_file(name: str, read_stdin: Callable[[], str] | None = None, *, hint: str = "") -> str:
    """Read a file, or stdin for `-`, as `unpacked` and `decoded` do.

    Raises UsageError if the file cannot be read. hint: what to do if there is no such file.
    """
    if name == "-":
        if read_stdin is None:
            raise UsageError("@- reads stdin, which is the terminal or the script here; use @FILE to read a file")
        return read_stdin()
    return decoded(unpacked(read_bytes(name, error=partial(UsageError, hint=hint)), name), name)


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
