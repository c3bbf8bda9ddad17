"""The only place where exceptions become messages for users. Bugs go to the log file with their traceback."""

from __future__ import annotations

import errno
import os
import re
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from seqshell.core import paths
from seqshell.core.errors import ExpectationError, PluginError, SeqshellError, reason_of

NO_MEMORY = re.compile(r"an't allocate memory|annot allocate memory|failed to map segment|an't start new thread")
# What a system answers that is full, read-only or out of files.
REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE)
MAX_LOG = 1_000_000  # bytes; a longer log is replaced


@dataclass(frozen=True)
class Fault:
    """A failure as users read it. details: a traceback, shown with SEQSHELL_DEBUG=1."""

    message: str
    hint: str = ""
    code: str = "error"
    details: str = ""
    expectation: bool = False  # only /expect failed

    @property
    def line(self) -> str:
        """Message and hint in one line."""
        if not self.hint or self.hint in self.message:
            return self.message
        return f"{self.message}{' or, ' if self.message.endswith('?') else '; '}{self.hint}"


def fault_of(error: Exception) -> Fault:
    """An exception as a Fault.

    If it is not a SeqshellError, it is a bug: its traceback goes to the log that the message names.
    """
    if isinstance(error, SeqshellError):
        details = error.details if isinstance(error, PluginError) else ""
        return Fault(error.message, error.hint, error.code, details, isinstance(error, ExpectationError))
    if is_out_of_memory(error):
        return Fault(f"not enough memory: {reason_of(error)}", "close other programs or models", "memory")
    if isinstance(error, OSError) and error.errno in REFUSED:
        return Fault(f"the system refused to go on: {error.strerror}", code="system")
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        return Fault("this needs torch, which is not installed", "pip install torch", "missing")
    trace = "".join(traceback.format_exception(error))
    where = _logged(trace)
    reason = str(error).partition("\n")[0]
    return Fault(
        f"internal error: {type(error).__name__}{': ' if reason else ''}{reason}; {where}",
        code="bug",
        details=trace,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of Python, the system, the loader of libraries or torch, says that memory is used up."""
    return isinstance(error, MemoryError) or bool(
        isinstance(error, OSError | ImportError | RuntimeError) and NO_MEMORY.search(str(error))
    )


def _logged(trace: str) -> str:
    """Write a traceback to the log. Returns where it can be seen, in words."""
    try:
        log = paths.home() / "log"
    except SeqshellError:  # there is no folder for it
        return "SEQSHELL_DEBUG=1 shows details"
    if write_log(log, trace):
        return f"details are in {log}"
    return f"the log {log} cannot be written; SEQSHELL_DEBUG=1 shows details"


def write_log(log: Path, text: str) -> bool:
    """Append a text with the time to the log file. Returns whether that worked."""
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        fresh = not log.exists() or log.stat().st_size > MAX_LOG
        with log.open("w" if fresh else "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')}\n{text}\n")
        return True
    return False


def is_debugging() -> bool:
    """Whether tracebacks are shown on the screen."""
    return os.environ.get("SEQSHELL_DEBUG", "0") not in ("", "0")
