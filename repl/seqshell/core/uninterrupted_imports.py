"""Imports that Ctrl-C cannot break off. A native module that was imported by halves cannot be imported again.

KeyboardInterrupt is raised in the main thread. So an import of the main thread runs in a thread of its own, for which
the main thread waits: an interrupt ends the wait, and the import continues. A later import of the same module waits
for the first one, as Python's import locks have it. Modules of seqshell and of Python itself can be imported again, and
there are hundreds of them, so they need no thread.
"""

from __future__ import annotations

import contextvars
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Every import of a module that is not in sys.modules calls a function of it, _find_and_load: those of statements, of
# importlib.import_module and of C code. A finder in sys.meta_path comes too late: its caller holds the import lock.
BOOTSTRAP: Any = importlib._bootstrap  # not public
REPEATABLE = sys.stdlib_module_names | {"seqshell"}  # packages


class ImportThread(threading.Thread):
    """Imports one module for the main thread."""

    def __init__(self, load: Callable[[], Any], name: str) -> None:
        super().__init__(name=f"import {name}", daemon=True)
        self._load = load
        self._context = contextvars.copy_context()
        self._is_loading = False
        self._result: Any = None
        self._error: BaseException | None = None

    @property
    def daemon(self) -> bool:  # type: ignore[override]  # typeshed has an attribute
        """True; False for what it imports, so that threads started there are those of the main thread."""
        return not self._is_loading or threading.get_ident() != self.ident

    def run(self) -> None:
        """Import."""
        self._is_loading = True
        try:
            self._result = self._context.run(self._load)
        except BaseException as error:  # raised in the main thread
            self._error = error

    def result(self) -> Any:
        """Wait for the module and return it, or raise the error of the import."""
        self.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._result


@contextmanager
def uninterrupted_imports() -> Iterator[None]:
    """While the block runs, an interrupt of the main thread ends no import, but only the wait for it."""
    before = BOOTSTRAP._find_and_load

    def find_and_load(name: str, import_: Any) -> Any:
        if name.partition(".")[0] in REPEATABLE or threading.current_thread() is not threading.main_thread():
            return before(name, import_)
        thread = ImportThread(lambda: before(name, import_), name)
        thread.start()
        return thread.result()

    BOOTSTRAP._find_and_load = find_and_load
    try:
        yield
    finally:
        BOOTSTRAP._find_and_load = before


def is_importing() -> bool:
    """Whether an import that was interrupted is still running."""
    return any(isinstance(thread, ImportThread) for thread in threading.enumerate())
