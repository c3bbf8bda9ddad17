"""The output of bulk work: complete lines in the order of the input, so that their number says what is done.

While the work is not finished, FILE.bulk beside it says what the work is, for --resume.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import UsageError
from seqshell.core.named_files import output_file, read_bytes, reason, shown_name

BLOCK = 1 << 20  # bytes that are read at once

ABOUT = {
    "job": "other options",
    "files": "other files",
    "model": "another model, or the model has changed since",
    "backend": "another backend",
}


class Output:
    """A file that grows line by line. num_lines: complete ones, those of an earlier run included."""

    def __init__(self, name: str) -> None:
        self.path = output_file(name)
        self.num_lines = 0
        self._plan = self.path.with_name(self.path.name + ".bulk")
        self._lock = FileLock(self.path.with_name(self.path.name + ".bulk.lock"), timeout=0)
        self._file: BinaryIO | None = None

    @property
    def is_unfinished(self) -> bool:
        """Whether an earlier run has written a part of it."""
        return self._plan.exists() and self.path.exists() and self.path.stat().st_size > 0

    @property
    def backend(self) -> str:
        """That of an unfinished file; "" if there is none."""
        try:
            return str(json.loads(read_bytes(self._plan))["backend"]) if self.is_unfinished else ""
        except (ValueError, LookupError, TypeError):
            return ""  # it is damaged, as `begin` says

    def check(self, resume: bool) -> None:
        """UsageError if the file must not be written: before the work starts."""
        if self.is_unfinished and not resume:
            shown = shown_name(self.path)
            raise UsageError(
                f"{shown} is not finished: --resume continues it; to begin again, remove {shown_name(self._plan)}"
            )

    def begin(self, about: Mapping[str, Any]) -> None:
        """Create the file, or continue the unfinished one. about: what is done, by the keys of ABOUT.

        UsageError if the unfinished one is of other work, or if another process writes it.
        """
        try:
            self._lock.acquire()
            if self.is_unfinished:
                self._continue(about)
                return
            write_atomically(self._plan, json.dumps(about).encode() + b"\n")
            self._file = open(self.path, "wb")  # noqa: SIM115  # `close` closes it
        except Timeout:
            raise UsageError(f"{shown_name(self.path)} is being written by another process") from None
        except OSError as error:
            raise UsageError(f"cannot write {shown_name(self.path)}: {reason(error)}") from None

    def _continue(self, about: Mapping[str, Any]) -> None:
        try:
            before = json.loads(read_bytes(self._plan))
            differs = next((key for key in ABOUT if before.get(key) != json.loads(json.dumps(about[key]))), None)
        except (ValueError, AttributeError):
            raise UsageError(f"cannot resume: {shown_name(self._plan)} is damaged; remove it to begin again") from None
        if differs is not None:
            raise UsageError(
                f"cannot resume {shown_name(self.path)}: it was begun with {ABOUT[differs]}; to begin again, remove "
                f"{shown_name(self._plan)}"
            )
        self._file = file = open(self.path, "r+b")  # noqa: SIM115
        self.num_lines, end = _complete_lines(file)
        file.truncate(end)  # a part of a line, which a killed process left
        file.seek(end)

    def add(self, lines: Sequence[str]) -> None:
        """Append lines; they are in the file when this returns."""
        assert self._file is not None
        try:
            self._file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
            self._file.flush()
        except OSError as error:
            raise UsageError(f"cannot write {shown_name(self.path)}: {reason(error)}") from None
        self.num_lines += len(lines)

    def finish(self) -> None:
        """All lines are there."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._plan.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file, finished or not."""
        if self._file is not None:
            self._file.close()
        if self._lock.is_locked:
            self._lock.release()
            with suppress(OSError):  # on Windows, while another process has it open
                os.unlink(self._lock.lock_file)


def _complete_lines(file: BinaryIO) -> tuple[int, int]:
    """The number of complete lines, and where the last one ends."""
    number = end = start = 0
    while block := file.read(BLOCK):
        number += block.count(b"\n")
        if (last := block.rfind(b"\n")) >= 0:
            end = start + last + 1
        start += len(block)
    return number, end
