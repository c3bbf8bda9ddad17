"""Terminal mode between prompts: keys are not echoed into the answer but kept for the next prompt."""

from __future__ import annotations

import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOCAL, INPUT, CONTROL = 3, 0, 6  # indices in the list that tcgetattr returns


@contextmanager
def echo_off(descriptor: int) -> Iterator[None]:
    """Turn off echo, line editing and the translation of Enter; Ctrl-C stays a signal. Restores the mode at the end."""
    try:
        before = termios.tcgetattr(descriptor)
    except (termios.error, OSError, ValueError):  # not a terminal, as in tests
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
