"""Compile the kernels in a process of its own, once for a machine, while the user works."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

from seqshell.kernels import cache
from seqshell.kernels.cache import NotCompiled

RETRY = 24 * 3600  # seconds after which a failed compilation is tried again
SHOWN = 60  # seconds for which the end of a compilation is shown


class Compilation:
    """A compilation that may be running. It never blocks, and goes on if the shell ends."""

    def __init__(self, on_end: Callable[[], None] = lambda: None) -> None:
        """on_end: called in a thread when the compilation has ended."""
        self._on_end = on_end
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._ended = 0.0

    def start(self) -> bool:
        """Start it, unless there is object code, or none can be made here. Returns whether it was started."""
        if self._process is not None or not is_needed():
            return False
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "seqshell.kernels.compile"],  # -P: not from the current folder
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is not for it
            )
        except OSError:
            return False
        self._thread = threading.Thread(target=self._watch, name="compiling", daemon=True)
        self._thread.start()
        return True

    def wait(self) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        assert self._process is not None
        self._process.wait()
        self._ended = time.monotonic()
        self._on_end()

    @property
    def news(self) -> str:
        """What the toolbar says of it; empty if it was not started, or ended some time ago."""
        if self._process is None or (self._ended and time.monotonic() - self._ended > SHOWN):
            return ""
        if not self._ended:
            return "compiling for this machine, once"
        return "compilation failed: /info" if self._process.returncode else "compiled: models opened now are faster"


def is_needed() -> bool:
    """Whether there is no object code yet and it can be made."""
    if not sys.executable:
        return False
    try:
        file = cache.path()
    except NotCompiled:
        return False
    try:
        cache.read(file)
    except NotCompiled:
        return cache.can_be_written(file) and not cache.has_failed(file, RETRY)
    return False
