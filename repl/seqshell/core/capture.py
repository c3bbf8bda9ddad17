"""Streams in the place of stdout and stderr while a plugin's code runs: what it prints must not steer the terminal or break a prompt."""

from __future__ import annotations

import io
import threading
from typing import TextIO

from seqshell.core.sanitize import safe

MOST = 100_000  # characters that are kept


class Printed(io.TextIOBase):
    """Keeps what is printed until somebody takes it. stream: the one whose place it has, for those who ask for its descriptor."""

    encoding = "utf-8"

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._parts: list[str] = []
        self._left = MOST
        self._lock = threading.Lock()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Keep a text; what is too much is dropped."""
        with self._lock:
            self._parts.append(text[: self._left])
            self._left -= len(self._parts[-1])
        return len(text)

    def take(self) -> str:
        """All that was printed since the last call."""
        with self._lock:
            text, self._parts, self._left = "".join(self._parts), [], MOST
        return text


class Visible(io.TextIOBase):
    """Hands on what is printed with its control characters made visible."""

    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        self._stream.write(safe(text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()
