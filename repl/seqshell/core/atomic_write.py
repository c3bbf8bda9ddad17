"""Write a file atomically."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from seqshell.core.errors import UsageError
from seqshell.core.named_files import named_path, reason, shown_name


def write_atomically(path: str | Path, data: bytes) -> None:
    """Replace the content of a file. After a crash, either the old or the new content is there.

    Raises UsageError as `replacing` does.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: str | Path, *, is_lasting: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, which replaces that of the path when the context ends, unless with an exception.

    The target of a symbolic link is replaced, not the link. is_lasting: wait until the disk has it; without, a crash of
    the system may leave parts of it, which a checksum in it must show.
    Raises UsageError if the file cannot be written; devices, pipes and folders are refused.
    """
    target = Path(os.path.realpath(named_path(path)))
    try:
        if target.exists() and not target.is_file():
            raise UsageError(f"cannot write {shown_name(path)}: it is not a regular file")
        _sweep(target.parent)
        temporary = target.with_name(f".seqshell-{os.getpid()}-{os.urandom(6).hex()}.tmp")
        # Not tempfile, whose files have mode 0600: the user's umask applies to this one.
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                if is_lasting:
                    os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if not is_lasting:
            return
        folder = os.open(target.parent, os.O_RDONLY)  # the rename itself must reach the disk
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UsageError(f"cannot write {shown_name(path)}: {reason(error)}") from None


def _sweep(folder: Path) -> None:
    """Remove the temporary files of writers that were killed; those younger than an hour may still be in use."""
    for entry in os.scandir(folder):
        if entry.name.startswith(".seqshell-") and entry.name.endswith(".tmp"):
            try:
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > 3600:
                    os.unlink(entry.path)
            except OSError:  # another process removed it, or we may not
                continue
