"""SIGINT, SIGTERM and SIGHUP while a training runs: it ends in good order."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def caught_signals() -> Iterator[list[int]]:
    """Catch the first of SIGINT, SIGTERM and SIGHUP, so that a training ends between two updates; the second acts as ever."""
    caught: list[int] = []
    before = {
        number: signal.getsignal(number)
        for name in ("SIGINT", "SIGTERM", "SIGHUP")
        for number in [getattr(signal, name, None)]
        if number
    }

    def catch(number: int, frame: Any) -> None:
        caught.append(number)
        print("stopping after this update, the best is kept; once more to leave at once", file=sys.stderr, flush=True)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
