"""Signal handling in the terminal: Ctrl-C stops an answer after a token; SIGTERM and SIGHUP end the program cleanly."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from prompt_toolkit.application import Application

from seqshell.core.signal_handlers import SignalHandlers

# How long an answer may take to finish its token after SIGTERM or SIGHUP, and a plugin's code after Ctrl-C.
GRACE_SECONDS = 2.0


class Terminated(BaseException):
    """SIGTERM or SIGHUP was received, or the terminal was closed. The exit status is 128 + signum."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.status = 128 + signum


class Signals:
    """Signal handlers for three situations: a prompt, an answer, or neither. A context manager for the main thread."""

    def __init__(self) -> None:
        self._prompting: Application[Any] | None = None
        self._interrupt: Callable[[], None] | None = None  # stops the current answer
        self._is_plugin_running: Callable[[], bool] = lambda: False
        self._presses = 0
        self._terminated_by: int | None = None
        self._handlers = SignalHandlers(
            {
                signal.SIGINT: self._on_interrupt,
                signal.SIGTERM: self._on_terminate,
                signal.SIGHUP: self._on_terminate,
                signal.SIGALRM: self._on_alarm,
            }
        )

    def __enter__(self) -> Signals:
        self._handlers.install()
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._handlers.restore()

    @contextmanager
    def prompting(self, application: Application[Any]) -> Iterator[None]:
        """While the user types, Ctrl-C is an ordinary key."""
        self._prompting = application
        try:
            yield
        finally:
            self._prompting = None
            self.check()

    @contextmanager
    def answering(
        self, interrupt: Callable[[], None], is_plugin_running: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """While a line is answered, the first Ctrl-C calls `interrupt` and a second one raises KeyboardInterrupt.

        is_plugin_running: if it returns True GRACE_SECONDS after the first Ctrl-C, KeyboardInterrupt is raised as well.
        """
        self._interrupt, self._is_plugin_running, self._presses = interrupt, is_plugin_running, 0
        try:
            yield
        finally:
            self._interrupt = None
            self.check()
            signal.setitimer(signal.ITIMER_REAL, 0)

    def check(self) -> None:
        """Raise Terminated if SIGTERM or SIGHUP has been received."""
        if self._terminated_by is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise Terminated(self._terminated_by)

    def _on_interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self._prompting is not None:
            return
        self._presses += 1
        if self._interrupt is None or self._presses > 1:
            raise KeyboardInterrupt
        self._interrupt()
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def _on_terminate(self, signum: int, frame: FrameType | None) -> None:
        again, self._terminated_by = self._terminated_by is not None, signum
        if again:
            raise Terminated(signum)
        if self._prompting is not None:
            end_prompt(self._prompting, Terminated(signum))
        elif self._interrupt is not None:
            self._interrupt()
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)
        else:
            raise Terminated(signum)

    def _on_alarm(self, signum: int, frame: FrameType | None) -> None:
        if self._terminated_by is not None:
            raise Terminated(self._terminated_by)
        if self._interrupt is not None and self._presses == 1 and self._is_plugin_running():
            self._presses += 1
            raise KeyboardInterrupt


def end_prompt(application: Application[Any], error: BaseException) -> None:
    """End the running prompt, if any, with an error. May be called in a signal handler or another thread."""

    def end() -> None:
        if application.is_running and not application.is_done:
            application.exit(exception=error)

    loop = application.loop
    if loop is not None:
        with suppress(RuntimeError):  # the loop has just been closed
            loop.call_soon_threadsafe(end)
