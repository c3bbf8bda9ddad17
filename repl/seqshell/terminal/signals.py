"""Signal handling in the terminal: Ctrl-C stops a line; SIGTERM and SIGHUP end the program cleanly."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from prompt_toolkit.application import Application

from seqshell.core.grace_period import GracePeriod
from seqshell.core.signal_handlers import HostStop, SignalHandlers

# How long a line may take to stop by itself, such as an answer at the end of its token: after Ctrl-C, which must have
# an effect within 0.3 s, and after SIGTERM or SIGHUP.
INTERRUPTED_SECONDS = 0.2
TERMINATED_SECONDS = 2.0


class Terminated(HostStop):
    """SIGTERM or SIGHUP was received, or the terminal was closed. The exit status is 128 + signum."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum
        self.status = 128 + signum


class Signals:
    """Signal handlers for three situations: a prompt, an answer, or neither. A context manager for the main thread."""

    def __init__(self) -> None:
        self._prompting: Application[Any] | None = None
        self._interrupt: Callable[[], None] | None = None  # stops the current answer
        self._ends_itself: Callable[[], bool] = lambda: False
        self._presses = 0
        self._terminated_by: int | None = None
        self._grace = GracePeriod(self._on_grace_over)
        self._handlers = SignalHandlers(
            {
                signal.SIGINT: self._on_interrupt,
                signal.SIGTERM: self._on_terminate,
                signal.SIGHUP: self._on_terminate,
                signal.SIGALRM: self._grace.on_alarm,
            }
        )

    def __enter__(self) -> Signals:
        self._handlers.install()
        return self

    def __exit__(self, *_: object) -> None:
        self._grace.cancel()
        self._handlers.restore()

    @contextmanager
    def prompting(self, application: Application[Any]) -> Iterator[None]:
        """While the user types, Ctrl-C is an ordinary key."""
        self.check()
        self._prompting = application
        try:
            yield
        finally:
            self._prompting = None
            self.check()

    @contextmanager
    def answering(
        self, interrupt: Callable[[], None], ends_itself: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """While a line is answered, the first Ctrl-C calls `interrupt`, and a second one raises KeyboardInterrupt.

        ends_itself: called if the line still runs INTERRUPTED_SECONDS after the first Ctrl-C. KeyboardInterrupt is
        raised then as well, unless it returns True: the line has said that it ends in a moment, and what it keeps.
        """
        self._interrupt, self._ends_itself, self._presses = interrupt, ends_itself, 0
        try:
            yield
        finally:
            self._interrupt = None
            self.check()
            self._grace.cancel()

    def check(self) -> None:
        """Raise Terminated if SIGTERM or SIGHUP has been received."""
        if self._terminated_by is not None:
            self._grace.cancel()
            raise Terminated(self._terminated_by)

    def _on_interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self._prompting is not None:
            return
        self._presses += 1
        if self._interrupt is None or self._presses > 1:
            raise KeyboardInterrupt
        self._interrupt()
        self._grace.start(INTERRUPTED_SECONDS)

    def _on_terminate(self, signum: int, frame: FrameType | None) -> None:
        again, self._terminated_by = self._terminated_by is not None, signum
        if again:
            raise Terminated(signum)
        if self._prompting is not None:
            end_prompt(self._prompting, Terminated(signum))
        elif self._interrupt is not None:
            self._interrupt()
            self._grace.start(TERMINATED_SECONDS)
        else:
            raise Terminated(signum)

    def _on_grace_over(self) -> None:
        if self._terminated_by is not None:
            raise Terminated(self._terminated_by)
        if self._interrupt is not None and self._presses == 1 and not self._ends_itself():
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
