"""The unfinished file of a download: NAME.part beside the final file, and in NAME.part.json what it is a part of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.named_files import read_bytes, reason, shown_name
from seqshell.core.strict_json import read_object
from seqshell.downloads.offer import Offer

ENDING, PLAN, LOCK = ".part", ".json", ".lock"
MAX_PLAN = 100_000  # bytes


@dataclass(frozen=True)
class Part:
    """The part of `target` that is there. sha256: that the whole file must have; empty if nobody named one."""

    target: Path
    offer: Offer
    sha256: str

    @property
    def path(self) -> Path:
        """The unfinished file; it may not exist."""
        return self.target.with_name(self.target.name + ENDING)

    def length(self) -> int:
        """The bytes that are there; 0 unless they are of this file, and the download can be continued."""
        plan = self._plan()
        is_same = plan["sha256"] or (plan["validator"] and plan["url"])
        try:
            size = os.stat(self.path).st_size
            known = read_object(read_bytes(self._plan_path, most=MAX_PLAN))
        except (SeqshellError, ValueError, OSError):
            return 0
        same = ("size", "sha256") if plan["sha256"] else tuple(plan)
        return size if is_same and size <= self.offer.size and all(known.get(key) == plan[key] for key in same) else 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from this download. Raises UsageError if one has it."""
        lock = FileLock(self.target.with_name(self.target.name + ENDING + LOCK), timeout=0)
        try:
            with lock:
                try:
                    yield
                finally:
                    Path(lock.lock_file).unlink(missing_ok=True)
        except Timeout:
            raise UsageError(f"{shown_name(self.target)} is being downloaded by another process") from None

    @contextmanager
    def opened(self, begin: int) -> Iterator[BinaryIO]:
        """The file, to be written from a byte on; what follows is cut off. Raises UsageError if that fails."""
        try:
            if begin == 0:
                write_atomically(self._plan_path, json.dumps(self._plan()).encode())
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
            with os.fdopen(handle, "r+b") as file:
                file.truncate(begin)
                file.seek(begin)
                yield file
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            message = f"cannot write {shown_name(self.path)}: {reason(error)}"
            raise UsageError(message, hint="what is there is kept; the same command continues") from None

    def finish(self) -> None:
        """Give the file its final name. Raises UsageError if there is such a file by now."""
        if self.target.exists():
            raise UsageError(f"{shown_name(self.target)} exists by now; --out NAME chooses another name")
        try:
            os.replace(self.path, self.target)
        except OSError as error:
            raise UsageError(f"cannot write {shown_name(self.target)}: {reason(error)}") from None
        self._plan_path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove what is there."""
        self.path.unlink(missing_ok=True)
        self._plan_path.unlink(missing_ok=True)

    @property
    def _plan_path(self) -> Path:
        return self.path.with_name(self.path.name + PLAN)

    def _plan(self) -> dict[str, str | int]:
        offer = self.offer
        return {"url": offer.source.url, "size": offer.size, "sha256": self.sha256, "validator": offer.validator}
