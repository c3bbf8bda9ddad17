"""Signal handlers that are installed for a while and then replaced by those before them."""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], None]


PAUSE = 0.05  # seconds between two exceptions of handlers


class HostStop(BaseException):
    """Ends whatever is running, the code of plugins included. Only seqshell itself raises its subclasses.

    signum: of the signal that asked for it; 0 for none.
    """

    signum = 0


class UserInterrupt(KeyboardInterrupt):
    """The KeyboardInterrupt of a signal that was received, as opposed to one that a plugin raises."""

    signum = signal.SIGINT


class SignalHandlers:
    """Handlers by signal number. The KeyboardInterrupt that one of them raises becomes a UserInterrupt.

    What a handler raises within PAUSE seconds after another exception is dropped: it would be raised in the clean-up
    after that one, which it would cut short. So a handler that must not be forgotten keeps a note of its signal.

    Ignored signals stay ignored, because the program then runs under nohup or in the background.
    """

    def __init__(self, handlers: Mapping[int, Handler]) -> None:
        self._handlers = handlers
        self._before: dict[int, Any] = {}
        self._raised = -PAUSE  # when

    def install(self) -> None:
        """Install the handlers. Does nothing outside the main thread, where Python allows no handlers."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in self._handlers:
            with contextlib.suppress(OSError, ValueError):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._receive)

    def restore(self) -> None:
        """Restore the previous handlers; calling it again does nothing."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _receive(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handlers[number](number, frame)
        except BaseException as stop:
            now = time.monotonic()
            if now - self._raised < PAUSE:
                return
            self._raised = now
            if isinstance(stop, KeyboardInterrupt):
                raise UserInterrupt from None
            raise


def send_again(stop: BaseException | None) -> bool:
    """Send the signal of a stop again, a little later; False if this is no stop, or one without a signal.

    For a stop that was raised where Python ignores exceptions, such as in a destructor: nothing has ended.
    """
    if not isinstance(stop, HostStop | UserInterrupt) or not stop.signum:
        return False
    if hasattr(signal, "pthread_kill"):  # interrupts what waits, too
        timer = threading.Timer(2 * PAUSE, signal.pthread_kill, (threading.main_thread().ident, stop.signum))
    else:
        timer = threading.Timer(2 * PAUSE, _thread.interrupt_main, (stop.signum,))
    timer.daemon = True
    timer.start()
    return True


def stops_host(error: BaseException) -> bool:
    """True if an exception ends what is running because the host or the user wants it.

    A plain KeyboardInterrupt counts only while Python's own handler is in force: SignalHandlers raise a UserInterrupt.
    """
    if not isinstance(error, KeyboardInterrupt):
        return isinstance(error, HostStop)
    if isinstance(error, UserInterrupt):
        return True
    handler = signal.getsignal(signal.SIGINT)
    is_ours = handler is signal.SIG_IGN or isinstance(getattr(handler, "__self__", None), SignalHandlers)
    return threading.current_thread() is threading.main_thread() and not is_ours  # other threads receive no signals
