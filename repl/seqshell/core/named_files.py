"""Resolves and opens what a user names: every file of a command, an option, a recipe, a map or the environment.

A name may be one that no file can have, and a file may be a device, or fail while it is read. Each gives one clear
line, in the error class of the caller.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.sanitize import safe

MAX_SHOWN = 200  # characters of a name in a message
MAX_UNSIZED = 1_000_000  # bytes of a file whose size the system does not tell, such as those in /proc
MAX_FILE_SIZE = 1_000_000_000  # bytes that are read of a file, and that a .gz file may have when it is unpacked

Raised = Callable[[str], SeqshellError]  # makes the error of a message: mostly one of the classes in core.errors


def named_path(name: str | Path, folder: Path = Path(), error: Raised = UsageError) -> Path:
    """The path that a name means, with ~ as a home folder. folder: where relative names start.

    There may be no such file. After this call, `exists`, `is_file` and the like do not fail. Raises `error` for a name
    that no file can have, such as one with a null character, and for a place that may not be looked at.
    """
    try:
        path = folder / Path(name).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            os.stat(path)
    except RuntimeError:
        raise error(_no_home(str(name))) from None
    except (OSError, ValueError) as problem:
        raise error(f"cannot use {shown_name(name)}: {reason(problem)}") from None
    return path


def output_file(name: str | Path, error: Raised = UsageError) -> Path:
    """The path of a regular file to write, which may be there or not, in a folder that can be written.

    Call it before the work that makes the content. Raises `error` otherwise, and for "-", which elsewhere means stdout.
    """
    if str(name) == "-":
        raise error("cannot write to -: name a file (a file of that name is ./-)")
    path, shown = named_path(name, error=error), shown_name(name)
    if not path.parent.is_dir():
        raise error(f"cannot write {shown}: there is no folder {shown_name(path.parent)}")
    if path.exists() and not path.is_file():
        raise error(f"cannot write {shown}: it is {'a folder' if path.is_dir() else 'not a regular file'}")
    if not os.access(path.parent, os.W_OK):
        raise error(f"cannot write {shown}: no permission to write to {shown_name(path.parent.absolute())}")
    return path


@contextmanager
def opened(
    name: str | Path, folder: Path = Path(), error: Raised = UsageError, *, stream: bool = False
) -> Iterator[BinaryIO]:
    """Open a regular file to read its bytes. Raises `error` for anything else, and if it fails while it is read.

    stream: whether it may also be a pipe or the terminal, which are read as they are written.
    """
    path, shown = named_path(name, folder, error), shown_name(name)
    try:
        # Without O_NONBLOCK, opening a pipe waits until another process writes to it.
        waiting = 0 if stream else getattr(os, "O_NONBLOCK", 0)
        handle = os.open(path, os.O_RDONLY | waiting | getattr(os, "O_BINARY", 0))
        try:
            mode = os.fstat(handle).st_mode
            if stat.S_ISDIR(mode):
                raise error(f"{shown} is a folder")
            if not (stat.S_ISREG(mode) or (stream and (stat.S_ISFIFO(mode) or _ends(handle)))):
                raise error(f"{shown} is not a regular file")
            with os.fdopen(handle, "rb", closefd=False) as file:
                if not (stream or os.fstat(handle).st_size or _is_short(file)):
                    raise error(f"{shown} is not a file with an end")
                yield file
        finally:
            os.close(handle)
    except OSError as problem:
        raise error(f"cannot read {shown}: {reason(problem)}") from None


def read_bytes(
    name: str | Path, folder: Path = Path(), error: Raised = UsageError, *, most: int = MAX_FILE_SIZE
) -> bytes:
    """The content of a regular file. most: the bytes that it may have. Raises `error`, as `opened` does."""
    shown = shown_name(name)
    with opened(name, folder, error) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise error(f"{shown} has {size:,} bytes; at most {most:,} are read")
        return file.read(size or MAX_UNSIZED)


def shown_name(name: str | Path) -> str:
    """A name as messages show it: in one line, shortened in the middle to 200 characters."""
    text = safe(str(name).replace("\n", "^J").replace("\t", "^I"))
    half = MAX_SHOWN // 2
    return text if len(text) <= MAX_SHOWN else f"{text[: half - 1]}…{text[-half:]}"


def reason(problem: OSError | ValueError) -> str:
    """What the system says about a file, without its name."""
    if isinstance(problem, UnicodeError):
        return "it has a character that no file name can have"
    if isinstance(problem, ValueError):
        return "it has a null character"
    return problem.strerror or str(problem)


def _is_short(file: BinaryIO) -> bool:
    """Whether a file whose size the system does not tell ends soon. Goes back to its beginning."""
    data = file.read(MAX_UNSIZED + 1)
    file.seek(0)
    return data is not None and len(data) <= MAX_UNSIZED


def _ends(handle: int) -> bool:
    """Whether a device ends: the terminal and /dev/null do, /dev/zero and disks do not, or not soon."""
    return os.isatty(handle) or os.path.samestat(os.fstat(handle), os.stat(os.devnull))


def _no_home(name: str) -> str:
    user, shown = name.partition("/")[0].partition(os.sep)[0], shown_name(name)
    if user == "~":
        return f"cannot use {shown}: there is no home folder; set HOME, or write the whole path"
    return f"cannot use {shown}: there is no user {shown_name(user[1:])}; for a file of that name, write ./{shown}"
