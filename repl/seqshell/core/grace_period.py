"""The time that a line has to stop by itself after it was asked to."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType

TICK = 0.02  # seconds between two looks


class GracePeriod:
    """Calls `over` in the main thread when a time has passed. `on_alarm` must be the handler of SIGALRM.

    Only time in which the process could work counts: the alarms that it got to handle, or its processor time if native
    code kept them waiting. So nothing is stopped early because the machine is busy with something else.
    """

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over
        self._ticks = 0
        self._used = 0.0
        self._seconds = 0.0

    def start(self, seconds: float) -> None:
        """Call `over` after so many seconds, unless `cancel` comes before."""
        self._ticks, self._used, self._seconds = 0, time.thread_time(), seconds
        signal.setitimer(signal.ITIMER_REAL, TICK, TICK)

    def cancel(self) -> None:
        """Stop counting."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def on_alarm(self, signum: int, frame: FrameType | None) -> None:
        """Count a tick."""
        self._ticks += 1
        if max(self._ticks * TICK, time.thread_time() - self._used) >= self._seconds:
            self.cancel()
            self._over()
