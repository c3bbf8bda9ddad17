"""The terminal while nobody is asked: keys are not echoed into the answer, and wait for the next prompt."""

from __future__ import annotations

import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOCAL, INPUT, CONTROL = 3, 0, 6  # places in the list of tcgetattr


@contextmanager
def echo_off(descriptor: int) -> Iterator[None]:
    """No echo, no line editing, Enter as it is sent; Ctrl-C still is a signal. As it was before, afterwards, whatever happens."""
    try:
        before = termios.tcgetattr(descriptor)
    except (termios.error, OSError, ValueError):  # no terminal, as in tests
        yield
        return
    changed = [*before[:CONTROL], list(before[CONTROL])]
    changed[LOCAL] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    changed[INPUT] &= ~(termios.ICRNL | termios.INLCR)
    changed[CONTROL][termios.VMIN], changed[CONTROL][termios.VTIME] = 1, 0
    try:
        termios.tcsetattr(descriptor, termios.TCSANOW, changed)
        yield
    finally:
        with suppress(termios.error, OSError):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
