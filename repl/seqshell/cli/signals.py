"""SIGINT, SIGTERM and SIGHUP while a script or a training runs: it ends cleanly, with the signal's exit code."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from seqshell.core.grace_period import GracePeriod
from seqshell.core.signal_handlers import SignalHandlers, UserInterrupt

INTERRUPTED_SECONDS = 0.2  # that an answer may take to end after its token
SIGNALS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """While the block runs, Ctrl-C raises KeyboardInterrupt, and not only what it does at the start and at the end."""
    handlers = SignalHandlers({signal.SIGINT: signal.default_int_handler})
    handlers.install()
    try:
        yield
    finally:
        handlers.restore()


class StopSignals:
    """A context in which signals raise KeyboardInterrupt in the main thread. `number` is the first signal received.

    interrupt: if set, the first signal calls it instead, so that an answer ends after its current token and is printed;
    if that takes longer than INTERRUPTED_SECONDS, KeyboardInterrupt is raised after all.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.interrupt: Callable[[], None] | None = None
        self._holds = self._waits = False
        self._grace = GracePeriod(self._raise)
        self._handlers = SignalHandlers({**dict.fromkeys(SIGNALS, self._handle), signal.SIGALRM: self._grace.on_alarm})

    def __enter__(self) -> StopSignals:
        self._handlers.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._grace.cancel()
        self._handlers.restore()

    @property
    def exit_code(self) -> int:
        """128 plus the number of the signal, as in shells; 0 if there was none."""
        return 128 + self.number if self.number is not None else 0

    def end_answer(self) -> None:
        """The answer has ended: signals raise KeyboardInterrupt again."""
        self.interrupt = None
        self._grace.cancel()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A signal raises KeyboardInterrupt after the block, or in it if it takes longer than INTERRUPTED_SECONDS."""
        self._holds = True
        try:
            yield
        finally:
            self._holds, waits, self._waits = False, self._waits, False
            if waits:
                self._grace.cancel()
        if waits:
            raise UserInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first, self.number = self.number is None, self.number or number
        if first and self.interrupt is not None:
            self.interrupt()
        elif first and self._holds:
            self._waits = True
        else:
            self._raise()
        self._grace.start(INTERRUPTED_SECONDS)

    def _raise(self) -> None:
        self._waits = False
        self._grace.cancel()
        raise KeyboardInterrupt


class FirstSignal:
    """A context that notes the number of the first signal, so that training can end after a step.

    is_announced: whether the first signal says at once what will happen.
    has_steps: whether training has come to its steps; before, the first signal raises KeyboardInterrupt. A second
    signal has its usual effect, as has the first after `release`.
    """

    def __init__(self, *, is_announced: bool = True) -> None:
        self.number: int | None = None
        self.has_steps = False
        self._is_announced = is_announced
        self._handlers = SignalHandlers(dict.fromkeys(SIGNALS, self._handle))

    def __enter__(self) -> FirstSignal:
        self._handlers.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def came(self) -> bool:
        """Whether a signal came."""
        return self.number is not None

    @property
    def exit_code(self) -> int:
        """128 plus the number of the signal, as in shells; 0 if there was none."""
        return 128 + self.number if self.number is not None else 0

    def release(self) -> None:
        """Restore the usual effect of signals, once stopping early loses nothing."""
        self._handlers.restore()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        if not self.has_steps:
            self.release()
            raise KeyboardInterrupt
        if self._is_announced:
            with contextlib.suppress(RuntimeError):  # a line is just being printed
                print("stopping after this step; Ctrl-C again quits immediately", file=sys.stderr, flush=True)
        self.release()
