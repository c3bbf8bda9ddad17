"""Ask before something is removed or downloaded."""

from __future__ import annotations

import sys

from seqshell.core.capture import terminal_of
from seqshell.core.sanitize import safe


def can_ask() -> bool:
    """Whether somebody sees a question and can answer it: stdin and stderr are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and terminal_of(sys.stderr).isatty()


def agrees(question: str) -> bool:
    """Ask on stderr, and return whether the answer is y or yes. Enter and the end of the input are a no."""
    print(f"{safe(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
