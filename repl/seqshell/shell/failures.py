"""What is told of a line that failed: the one place where errors become plain text. Bugs go to the log file with their traceback."""

from __future__ import annotations

import os
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from seqshell.core import paths
from seqshell.core.errors import ExpectationError, PluginError, SeqshellError

MOST_LOG = 1_000_000  # bytes; a longer log starts anew


@dataclass(frozen=True)
class Fault:
    """A failure as users read it. details: a traceback for those who asked for one (SEQSHELL_DEBUG=1)."""

    message: str
    hint: str = ""
    code: str = "error"
    details: str = ""
    expectation: bool = False  # /expect did not hold, and nothing else is wrong

    @property
    def line(self) -> str:
        """Message and way out in one line."""
        return self.message if not self.hint or self.hint in self.message else f"{self.message}; {self.hint}"


def fault_of(error: Exception) -> Fault:
    """An error as a Fault. One that is no SeqshellError is a bug: its traceback is written to the log, which the message names."""
    if isinstance(error, SeqshellError):
        details = error.details if isinstance(error, PluginError) else ""
        return Fault(error.message, error.hint, error.code, details, isinstance(error, ExpectationError))
    told = "".join(traceback.format_exception(error))
    log = paths.home() / "log"
    where = (
        f"the details are in {log}"
        if write_log(log, told)
        else f"the log {log} cannot be written; SEQSHELL_DEBUG=1 shows the details"
    )
    reason = str(error).partition("\n")[0]
    return Fault(
        f"a fault inside seqshell: {type(error).__name__}{': ' if reason else ''}{reason}; {where}",
        code="bug",
        details=told,
    )


def write_log(log: Path, text: str) -> bool:
    """Add a text with its time to the log file; False when that cannot be done."""
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        fresh = not log.exists() or log.stat().st_size > MOST_LOG
        with log.open("w" if fresh else "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')}\n{text}\n")
        return True
    return False


def is_debugging() -> bool:
    """Whether tracebacks are wanted on the screen."""
    return os.environ.get("SEQSHELL_DEBUG", "0") not in ("", "0")
