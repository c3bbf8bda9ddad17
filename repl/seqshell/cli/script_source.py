"""Reads the lines of scripts, stdin and -c as they arrive: UTF-8 in any locale; a block is one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO

from seqshell.cli.options import Prompt
from seqshell.core.errors import UsageError
from seqshell.core.limits import MAX_MESSAGE
from seqshell.core.named_files import named_path, opened, shown_name
from seqshell.core.paths import ENDING
from seqshell.core.text_files import decoded
from seqshell.shell.syntax import UnclosedBlock, closes_block, opens_block

if TYPE_CHECKING:
    from pathlib import Path

MAX_SKIPPED = 10 * MAX_MESSAGE  # bytes of a line that is too long; then the rest of the script is not read
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ScriptLine:
    """A line to run, or the error if it cannot be read. number: its first line, from 1.

    is_message: a message, whatever it begins with.
    """

    number: int
    text: str
    error: UsageError | None = None
    is_message: bool = False


@dataclass(frozen=True)
class Source:
    """A source of lines. name: as in diagnostics: a file, `-` for stdin, `-c` or `--prompt`.

    reads_stdin: whether it reads stdin. is_message: its whole text is one message.
    """

    name: str
    open: Callable[[], Iterable[bytes]]
    reads_stdin: bool = False
    is_message: bool = False


def sources(lines: Iterable[str], scripts: Iterable[str]) -> list[Source]:
    """The lines of -c and --prompt, then the scripts; stdin if there is neither, and for a script `-`.

    Raises UsageError for a missing script.
    """
    found = []
    for is_prompt, given in groupby(lines, lambda line: isinstance(line, Prompt)):
        if is_prompt:
            found += [_prompt(text) for text in given]
        else:
            parts = [os.fsencode(part) for line in given for part in line.split("\n")]
            found.append(Source("-c", lambda parts=parts: parts))  # type: ignore[misc]  # mypy and defaults of a lambda
    scripts = list(scripts)
    for name in scripts:
        found.append(STDIN if name == "-" else _file(name, scripts))
    return found or [STDIN]


def _prompt(text: str) -> Source:
    if text == "-":
        return Source("-", lambda: [_stdin_up_to(MAX_MESSAGE + 1)], reads_stdin=True, is_message=True)
    return Source("--prompt", lambda: [os.fsencode(text)], is_message=True)


def _stdin_up_to(size: int) -> bytes:
    """The text of stdin without its last newline; of one that is too long, only the beginning."""
    data = sys.stdin.buffer.read(size + 1) if sys.stdin is not None else b""
    return data.replace(b"\r\n", b"\n").removesuffix(b"\n")


def _file(name: str, names: list[str]) -> Source:
    path = named_path(name, error=partial(UsageError, code="no_script"))
    if path.is_dir():
        raise UsageError(f"{shown_name(name)} is a folder, not a script", code="no_script")
    if not path.exists():
        from seqshell.cli.suggestions import no_script

        raise no_script(names, name)
    if path.suffix == ENDING:
        raise UsageError(f"{name} is a checkpoint, not a script; use -m {name} to open it", code="no_script")
    return Source(name, lambda: _file_lines(path))


def _file_lines(path: Path) -> Iterator[bytes]:
    with opened(path, error=partial(UsageError, code="no_script"), stream=True) as file:
        yield from _lines(file)


def stdin_lines() -> Iterator[bytes]:
    """The lines of stdin; none if it is closed."""
    if sys.stdin is not None:
        yield from _lines(sys.stdin.buffer)


STDIN = Source("-", stdin_lines, reads_stdin=True)


def read_stdin() -> str:
    """All of stdin as text, for @-."""
    return decoded(sys.stdin.buffer.read(), "stdin") if sys.stdin is not None else ""


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends.

    Of a line that is too long, only the beginning: enough to reject it and read the next one.
    """
    while data := file.readline(MAX_MESSAGE + 3):
        if not data.endswith(b"\n"):
            rest, skipped = data, 0
            while rest and not rest.endswith(b"\n"):
                rest = file.readline(MAX_MESSAGE)
                skipped += len(rest)
                if skipped > MAX_SKIPPED:  # such as /proc/self/pagemap
                    raise UsageError(f"a line has more than {MAX_SKIPPED // 1_000_000} MB", code="too_long")
        yield data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data


def read_lines(source: Source, *, messages: bool = False) -> Iterator[ScriptLine]:
    """The lines of a source as they arrive. messages: without blocks, and without skipping a `#!` line.

    Raises UnclosedBlock if the source ends inside a block.
    """
    block: list[str] = []
    start, error = 0, None
    messages = messages or source.is_message
    for number, data in enumerate(source.open(), 1):
        text, fault = _text(data.removeprefix(BOM) if number == 1 else data)
        if messages or not (block or (fault is None and opens_block(text))):
            if messages or number > 1 or not text.startswith("#!"):
                yield ScriptLine(number, text, fault, messages)
            continue
        start, error = (start, error or fault) if block else (number, fault)
        block.append(text)
        whole = "\n".join(block)
        if closes_block(text if len(block) == 1 else whole):
            yield ScriptLine(start, whole, error)
            block = []
    if block:
        raise UnclosedBlock(start)


def _text(data: bytes) -> tuple[str, UsageError | None]:
    """A line as text, and the error if it cannot be read."""
    if len(data) > MAX_MESSAGE:
        return "", UsageError(
            f"a line is at most {MAX_MESSAGE // 1_000_000} MB; use /feed @FILE for more", code="too_long"
        )
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return "", UsageError(f"the line is not UTF-8 (byte {error.start + 1})", code="undecodable")
