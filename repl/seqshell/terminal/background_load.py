"""Loads the shell, numpy, plugins and the model in a thread while the user types the first line."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from seqshell.core.plugin_guard import Owner, owner_in

if TYPE_CHECKING:
    from seqshell.terminal.line_runner import LineRunner


class BackgroundLoad:
    """Calls `build` in a thread. on_ready is called in that thread when the build has ended, also if it failed."""

    def __init__(self, build: Callable[[], LineRunner], on_ready: Callable[[], None] = lambda: None) -> None:
        self._build = build
        self._on_ready = on_ready
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._built: LineRunner | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """Start the thread, unless it has been started."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="loading", daemon=True)
            self._thread.start()

    @property
    def built(self) -> LineRunner | None:
        """The result of `build`; None while it is loading."""
        return self._built

    @property
    def failed(self) -> bool:
        """Whether the build raised an error."""
        return self._error is not None

    @property
    def plugin(self) -> Owner | None:
        """The third-party plugin whose code the thread is running, if any."""
        ident = self._thread.ident if self._thread is not None else None
        return owner_in(sys._current_frames().get(ident)) if ident is not None else None

    def is_done(self, seconds: float = 0.0) -> bool:
        """Wait at most `seconds` for the build to end. Returns whether it has."""
        return self._done.wait(seconds)

    def wait(self) -> LineRunner:
        """Wait for the result and return it; raises the error of `build`. Signal handlers run meanwhile."""
        self.start()
        self._done.wait()
        if self._error is not None:
            raise self._error
        assert self._built is not None
        return self._built

    def _run(self) -> None:
        try:
            self._built = self._build()
        except BaseException as error:  # raised by `wait`
            self._error = error
        finally:
            self._done.set()
            self._on_ready()
