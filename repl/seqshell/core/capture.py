"""Streams that replace stdout and stderr while plugin code runs, so that its output cannot control the terminal."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

from seqshell.core.sanitize import safe

MAX_CHARACTERS = 100_000


class CapturedOutput(io.TextIOBase):
    """Collects output until `take` is called.

    stream: the stream that it replaces, whose file descriptor it reports.
    """

    encoding = "utf-8"

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._parts: list[str] = []
        self._left = MAX_CHARACTERS
        self._lock = threading.Lock()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Keep a text. Drops what exceeds MAX_CHARACTERS."""
        with self._lock:
            self._parts.append(text[: self._left])
            self._left -= len(self._parts[-1])
        return len(text)

    def take(self) -> str:
        """Return what was printed since the last call."""
        with self._lock:
            text, self._parts, self._left = "".join(self._parts), [], MAX_CHARACTERS
        return text


class SanitizedStream(io.TextIOBase):
    """Writes to another stream with control characters made visible.

    It says that it is no terminal, so that libraries print plain text. stream: what it writes to.
    """

    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        self._stream = terminal_of(stream)

    @property
    def stream(self) -> TextIO:
        """The stream that it writes to."""
        return self._stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        self._stream.write(safe(text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def terminal_of(stream: TextIO) -> TextIO:
    """The stream itself, or the one that a SanitizedStream writes to: only for text that `safe` has made."""
    return stream.stream if isinstance(stream, SanitizedStream) else stream


@contextmanager
def sanitized_output() -> Iterator[None]:
    """Make control characters visible in all that is printed: on stderr, and on stdout if it is a terminal."""
    out = sys.stdout
    shown = SanitizedStream(out) if out.isatty() else out
    with redirect_stdout(shown), redirect_stderr(SanitizedStream(sys.stderr)):
        yield
