"""SIGINT, SIGTERM and SIGHUP while a script runs: stop at a token boundary where there is one, and tell the exit code."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)


class Stopping:
    """While entered, a signal raises KeyboardInterrupt in the main thread, and `number` tells which one came first.

    gently: while it is set, the first SIGINT calls it instead, so that an answer ends at its token boundary; the second one raises.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.gently: Callable[[], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():  # elsewhere, as in a test, signals are not ours
            for number in SIGNALS:
                with contextlib.suppress(OSError, ValueError):
                    if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a job in the background
                        self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def exit_code(self) -> int:
        """128 and the number of the signal, as shells have it; 0 when none came."""
        return 128 + self.number if self.number is not None else 0

    def _caught(self, number: int, frame: FrameType | None) -> None:
        first, self.number = self.number is None, self.number or number
        if first and number == signal.SIGINT and self.gently is not None:
            self.gently()
            return
        raise KeyboardInterrupt
