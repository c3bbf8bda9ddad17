"""Reads the lines of files in batches that depend on nothing but the files, so that any number of workers gets the same
batches, and the same results to the last bit.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

from seqshell.core.errors import UsageError
from seqshell.core.limits import MAX_MESSAGE
from seqshell.core.named_files import opened, shown_name
from seqshell.core.text_files import PACKED

BATCH_LINES = 256
BATCH_BYTES = 1_000_000  # of the lines of a batch; the last one may end behind it
BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Line(NamedTuple):
    """A line of a file, counted from 1. fault: why it cannot be read; "" if it can."""

    file: str
    number: int
    text: str
    fault: str = ""

    @property
    def place(self) -> str:
        """Where it is: FILE:NUMBER."""
        return f"{shown_name(self.file)}:{self.number}"


@dataclass(frozen=True)
class Batch:
    """Lines that are worked on together. number: from 0. read: the bytes of all files that were read so far."""

    number: int
    lines: tuple[Line, ...]
    read: int


def size_of(files: Sequence[str]) -> int:
    """The bytes of all files. UsageError for one that cannot be read line by line."""
    total = 0
    for name in files:
        with opened(name) as file:
            if file.read(2) in UTF_16:
                raise UsageError(f"{shown_name(name)} is in UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
            total += os.fstat(file.fileno()).st_size
    return total


def batches(files: Sequence[str]) -> Iterator[Batch]:
    """The lines of the files, one file after the other. UsageError for a file that cannot be read."""
    lines: list[Line] = []
    number = size = before = read = 0
    for name in files:
        with opened(name) as file:
            for line, num_bytes in _lines(name, file):
                lines.append(line)
                size += num_bytes
                if len(lines) == BATCH_LINES or size >= BATCH_BYTES:
                    yield Batch(number, tuple(lines), before + file.tell())
                    lines, size, number = [], 0, number + 1
            read = before = before + os.fstat(file.fileno()).st_size
    if lines:
        yield Batch(number, tuple(lines), read)


def _lines(name: str, file: IO[bytes]) -> Iterator[tuple[Line, int]]:
    """The lines of a file, unpacked if its name ends in .gz, and their bytes."""
    is_packed = name.lower().endswith(PACKED)
    source: IO[bytes] = gzip.GzipFile(fileobj=file) if is_packed else file  # type: ignore[assignment]  # reads bytes
    number = 0
    try:
        while data := source.readline(MAX_MESSAGE + 1):
            number += 1
            fault = ""
            if len(data) > MAX_MESSAGE and not data.endswith(b"\n"):
                fault = f"the line has more than {MAX_MESSAGE:,} bytes, which is the limit"
                while (rest := source.readline(MAX_MESSAGE)) and not rest.endswith(b"\n"):
                    pass
            yield _line(name, number, data, fault), len(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"cannot unpack {shown_name(name)}: {str(error)[:1].lower()}{str(error)[1:]}") from None


def _line(name: str, number: int, data: bytes, fault: str) -> Line:
    data = data.removeprefix(BOM) if number == 1 else data
    try:
        text = "" if fault else data.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        text, fault = "", f"byte {error.start + 1} of the line is not UTF-8"
    return Line(name, number, text, fault)
