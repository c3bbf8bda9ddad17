"""What belongs to the whole process and must stay as it is while a plugin's code runs.

Found and undone: removed environment variables that programs need, a lowered recursion limit, another working folder,
other signal handlers, another stdout or stderr (which is no fault), removed entries of the import path, and warnings or
floating-point errors that become exceptions.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from seqshell.core.plugin_guard import Guard

SIGNALS = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGTSTP", "SIGWINCH")
    if (number := getattr(signal, name, None)) is not None
)
NEEDED = ("HOME", "PATH", "SEQSHELL_", "XDG_", "TERM", "TMPDIR", "LANG", "LC_")  # beginnings of environment variables
FLOAT_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}  # of numpy, by default


class ProcessState:
    """The state of the process at the time when this is made."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._limit = sys.getrecursionlimit()
        self._folder = _working_folder()
        self._streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}
        self._path = tuple(sys.path)
        self._filters = tuple(warnings.filters)
        self._handlers = {number: signal.getsignal(number) for number in SIGNALS} if _is_main() else {}
        numpy: Any = sys.modules.get("numpy")
        self._float_errors = numpy.geterr() if hasattr(numpy, "geterr") else FLOAT_ERRORS

    def restore(self, *, folder: bool = True) -> str:
        """Undo what was changed, and describe it: "removed HOME from the environment and ..."; empty if nothing was.

        folder: False if the working folder may have changed.
        """
        self._restore_streams()
        changes = [
            self._restore_limit(),
            self._restore_environment(),
            self._restore_folder() if folder else "",
            self._restore_path(),
            self._restore_warnings(),
            self._restore_handlers(),
            self._restore_float_errors(),
        ]
        return " and ".join(filter(None, changes))

    def _restore_limit(self) -> str:
        if (limit := sys.getrecursionlimit()) >= self._limit:
            return ""
        sys.setrecursionlimit(self._limit)
        return f"lowered the recursion limit to {limit}"

    def _restore_environment(self) -> str:
        removed = {name: value for name, value in self._environment.items() if name not in os.environ}
        if not any(name.startswith(NEEDED) for name in removed):
            return ""
        os.environ.update(removed)
        first = next((name for name in ("HOME", "SEQSHELL_HOME", "PATH") if name in removed), min(removed))
        more = f" and {len(removed) - 1} more" if len(removed) > 1 else ""
        return f"removed {first}{more} from the environment"

    def _restore_folder(self) -> str:
        if not self._folder or _working_folder() == self._folder:
            return ""
        with suppress(OSError):
            os.chdir(self._folder)
        return "changed the working folder"

    def _restore_streams(self) -> None:
        """Plugins print to streams of their own anyway, so this is no fault."""
        for name, stream in self._streams.items():
            setattr(sys, name, stream)

    def _restore_path(self) -> str:
        if not (removed := [entry for entry in self._path if entry not in sys.path]):
            return ""
        sys.path[:] = [*self._path, *(entry for entry in sys.path if entry not in self._path)]
        return f"removed {len(removed)} entries of sys.path"

    def _restore_warnings(self) -> str:
        if not any(new[0] == "error" and new not in self._filters for new in warnings.filters):
            return ""
        warnings.filters[:] = self._filters  # type: ignore[index]  # a list, which typeshed calls a Sequence
        return "made warnings raise exceptions"

    def _restore_handlers(self) -> str:
        if not _is_main():
            return ""
        changed = [number for number, handler in self._handlers.items() if signal.getsignal(number) != handler]
        for number in changed:
            if (handler := self._handlers[number]) is not None:
                signal.signal(number, handler)
        return f"replaced the handler of {signal.Signals(changed[0]).name}" if changed else ""

    def _restore_float_errors(self) -> str:
        numpy: Any = sys.modules.get("numpy")
        now = numpy.geterr() if hasattr(numpy, "geterr") else {}
        if not any(now[kind] == "raise" != self._float_errors[kind] for kind in now):
            return ""
        numpy.seterr(**self._float_errors)
        return "made numpy's floating-point errors raise exceptions"


@contextmanager
def unchanged(guard: Guard, *, folder: bool = True) -> Iterator[None]:
    """Undo what a plugin's code in the block changes of the process.

    PluginError if it changed something. folder: False if it may change the working folder.
    """
    before = ProcessState()
    try:
        yield
    except BaseException:
        before.restore(folder=folder)
        raise
    if changes := before.restore(folder=folder):
        raise guard.error(f"{changes}; this was undone")


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
