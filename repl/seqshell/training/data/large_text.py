"""Text files that are too large to be read at once: they are read in blocks, as often as needed."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.named_files import opened, shown_name
from seqshell.core.tables.encoding import find_encoding, undecodable
from seqshell.core.text_files import PACKED

LARGE = 20_000_000  # bytes; a smaller file is read at once
PACKED_RATE = 4  # bytes of a text in a byte of its .gz file, about
BLOCK = 1 << 20  # bytes that are decoded together

Report = Callable[[int, int], None]  # called with the bytes that were read, of how many; may raise to stop the reading


def unheard(done: int, total: int) -> None:
    """A Report to nobody."""


def is_large(path: Path) -> bool:
    """True for a file whose text should be read in blocks."""
    try:
        size = path.stat().st_size if path.is_file() else 0
    except OSError:
        return False
    return size * (PACKED_RATE if path.name.lower().endswith(PACKED) else 1) >= LARGE


@dataclass(frozen=True)
class Facts:
    """What one reading of a file shows: the sha256 of its bytes, and its length in characters."""

    sha256: str
    characters: int


@dataclass(frozen=True)
class LargeText:
    """A text file. encoding: as for `decode`. key: the setting of the encoding, for messages."""

    path: Path
    encoding: str = ""
    key: str = "data.encoding"

    @property
    def name(self) -> str:
        return shown_name(self.path.name)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._stat().st_size

    def _stat(self) -> os.stat_result:
        try:
            return self.path.stat()
        except OSError as error:
            raise RecipeError(f"cannot read {self.name}: {error.strerror}") from None

    def state(self) -> tuple[int, ...]:
        """What changes when the file does: its place on the disk, its size in bytes, its time."""
        stat = self._stat()
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def remember(self, facts: Facts) -> None:
        """Note what a reading of the file has shown."""
        _KNOWN[self] = self.state(), facts

    def part(self, start: int, end: int, state: tuple[int, ...]) -> bytes:
        """Some bytes of the file. Raises RecipeError if its state is another one."""
        with opened(self.path, error=RecipeError) as file:
            file.seek(start)
            content: bytes = file.read(end - start)
        if self.state() != state:
            raise RecipeError(f"{self.name} was changed while it was read; train again")
        return content

    def sha256(self, report: Report = unheard) -> str:
        """The sha256 of the bytes, which are read once, unless the file is as it was at the last call."""
        state = self.state()
        if (facts := _KNOWN.get(self)) is not None and facts[0] == state:
            return facts[1].sha256
        if (known := _DIGESTS.get(self)) is None or known[0] != state:
            digest = hashlib.sha256()
            with opened(self.path, error=RecipeError) as file:
                counted = _Counted(file, digest, report, self.size)
                while counted.read(BLOCK):
                    pass
            known = _DIGESTS[self] = state, digest.hexdigest()
        return known[1]

    def facts(self, report: Report = unheard) -> Facts:
        """Read the file once, unless it is as it was at the last call. Errors as for `blocks`."""
        state = self.state()
        if (known := _KNOWN.get(self)) is None or known[0] != state:
            with HashedBeside() as digest:
                characters = sum(map(len, self.blocks(report, digest)))
                known = _KNOWN[self] = state, Facts(digest.hexdigest(), characters)
        return known[1]

    def contents(self, report: Report = unheard, size: int = 0) -> Iterator[bytes]:
        """The bytes of the text, unpacked, in blocks of so many. Raises RecipeError for a file that cannot be read."""
        with opened(self.path, error=RecipeError) as file:
            stream = self._stream(file, None, report)
            yield from iter(lambda: _read(stream, self.name, size), b"")

    def _stream(self, file: BinaryIO, digest: Any, report: Report) -> Any:
        raw = _Counted(file, digest, report, self.size)
        return _unpacked(raw) if self.path.name.lower().endswith(PACKED) else raw

    def blocks(self, report: Report = unheard, digest: Any = None) -> Iterator[str]:
        """The text in blocks, as `decode` gives it at once: LF ends lines, and there is no byte order mark.

        digest: updated with the bytes of the file. Raises RecipeError, with line and byte, for what is no text.
        """
        decoder = None
        lines = place = 0  # before the block that is decoded
        is_first, held = True, ""
        with opened(self.path, error=RecipeError) as file:
            stream = self._stream(file, digest, report)
            while True:
                block = _read(stream, self.name)
                if decoder is None:
                    if not block:
                        raise RecipeError(f"{self.name} is empty")
                    try:
                        encoding = find_encoding(block, self.name, self.encoding)
                    except UsageError as error:
                        raise RecipeError(error.message) from None
                    decoder = codecs.getincrementaldecoder(encoding)()
                    is_utf8 = encoding == "utf-8"
                    ends_in_cr = b"\r" in block and b"\n" not in block  # as in files of old Macs
                try:
                    is_ascii = is_utf8 and block.isascii() and not decoder.getstate()[0]
                    text = block.decode("ascii") if is_ascii else decoder.decode(block, final=not block)
                except UnicodeDecodeError as error:
                    content, start = bytes(error.object), error.start
                    before = lines, place + len(block) - len(content)
                    raise RecipeError(
                        undecodable(content, self.name, start, encoding, self.key, before).message
                    ) from None
                if is_first:
                    text = text.removeprefix("\ufeff")
                is_first = is_first and not text
                if (zero := text.find("\0")) >= 0:
                    raise RecipeError(
                        f"{self.name} is no text: line {lines + text.count(chr(10), 0, zero) + 1} has 0x00"
                    )
                lines += text.count("\n")
                place += len(block)
                text = held + text
                held = "\r" if block and text.endswith("\r") else ""  # its LF may be in the next block
                text = text[: len(text) - len(held)]
                if "\r" in text:  # which is found much sooner than CRLF
                    text = text.replace("\r\n", "\n")
                if text:
                    yield text.replace("\r", "\n") if ends_in_cr else text
                if not block:
                    return


_KNOWN: dict[LargeText, tuple[tuple[int, ...], Facts]] = {}  # with what shows that a file has changed
_DIGESTS: dict[LargeText, tuple[tuple[int, ...], str]] = {}


class HashedBeside(contextlib.ExitStack):
    """A context with the sha256 of bytes, which a thread computes: one part is hashed while the next one is used."""

    def __init__(self) -> None:
        super().__init__()
        self._digest, self._beside = hashlib.sha256(), self.enter_context(ThreadPoolExecutor(1, "seqshell-sha256"))
        self._last: Future[None] | None = None

    def update(self, part: bytes) -> None:
        """Hash the next part."""
        if self._last is not None:
            self._last.result()
        self._last = self._beside.submit(self._digest.update, part)

    def hexdigest(self) -> str:
        """The digest of all parts."""
        return self._beside.submit(self._digest.hexdigest).result()


class _Counted:
    """Reads a file, hashes what is read, and reports how much that is."""

    def __init__(self, file: BinaryIO, digest: Any, report: Report, size: int) -> None:
        self._file, self._digest, self._report, self._size = file, digest, report, size
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if self._digest is not None:
            self._digest.update(data)
        self._done += len(data)
        self._report(self._done, self._size)
        return data


def _unpacked(stream: Any) -> Any:
    return gzip.GzipFile(fileobj=stream)


def _read(stream: Any, name: str, size: int = 0) -> bytes:
    try:
        data: bytes = stream.read(size or BLOCK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RecipeError(f"cannot unpack {name}: {str(error)[:1].lower()}{str(error)[1:]}") from None
    return data


# The parts of a text


class Halves:
    """A text in blocks, divided at a character: what is before, then what is after, in blocks. Each is read once."""

    def __init__(self, blocks: Iterator[str], cut: int) -> None:
        self._blocks, self._left, self._rest = blocks, cut, ""

    def first(self) -> Iterator[str]:
        """The blocks before the cut."""
        for block in self._blocks:
            if len(block) > self._left:
                self._rest = block[self._left :]
                if self._left:
                    yield block[: self._left]
                return
            self._left -= len(block)
            yield block

    def second(self) -> Iterator[str]:
        """The blocks after it, once the first ones are read."""
        if self._rest:
            yield self._rest
        yield from self._blocks


def line_start(blocks: Iterable[str], cut: int) -> int:
    """The place of the first character of the line at `cut`; `cut` itself if the text has a single line."""
    found = place = 0
    for block in blocks:
        end = block.rfind("\n", 0, max(0, cut - place)) + 1
        found = place + end if end else found
        place += len(block)
        if place >= cut:
            break
    return found or cut


def cut_before_spaces(blocks: Iterable[str]) -> Iterator[str]:
    """The same text in parts that begin with a space, but the first."""
    kept: list[str] = []
    for block in blocks:
        place = block.rfind(" ")
        if place > 0 or (place == 0 and kept):
            yield "".join((*kept, block[:place]))
            kept = [block[place:]]
        else:
            kept.append(block)
    if rest := "".join(kept):
        yield rest


def sample(blocks: Iterable[str], every: int) -> Iterator[str]:
    """Every n-th block, from its first space to its last one."""
    for number, block in enumerate(blocks):
        if number % every == 0:
            yield block[max(0, block.find(" ")) if number else 0 : max(0, block.rfind(" "))]


def lines_of(blocks: Iterable[str]) -> Iterator[str]:
    """The lines of a text, each with its LF. Only a line feed ends a line."""
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        for line in lines:
            yield f"{line}\n"
    if rest:
        yield rest
