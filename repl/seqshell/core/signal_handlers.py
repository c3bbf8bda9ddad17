"""Signal handlers that are installed for a while and then replaced by those before them."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], None]


class SignalHandlers:
    """Handlers by signal number.

    Ignored signals stay ignored, because the program then runs under nohup or in the background.
    """

    def __init__(self, handlers: Mapping[int, Handler]) -> None:
        self._handlers = handlers
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Install the handlers. Does nothing outside the main thread, where Python allows no handlers."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, handler in self._handlers.items():
            with contextlib.suppress(OSError, ValueError):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, handler)

    def restore(self) -> None:
        """Restore the previous handlers; calling it again does nothing."""
        while self._before:
            signal.signal(*self._before.popitem())
