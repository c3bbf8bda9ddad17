"""Captures what third-party plugins print while they are imported, and announces a slow import.

The prompt may already be on the screen, so a plugin must not print on it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from seqshell.core.capture import CapturedOutput

SLOW = 1.0  # seconds


@contextmanager
def watched(title: str, on_slow: Callable[[str], None] | None) -> Iterator[CapturedOutput]:
    """Capture what the block prints. on_slow: called with a message, in another thread, after SLOW seconds."""
    printed = CapturedOutput(sys.stdout)
    timer = (
        threading.Timer(SLOW, on_slow, [f"{title} takes more than a second to import"]) if on_slow is not None else None
    )
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            yield printed
    finally:
        if timer is not None:
            timer.cancel()
