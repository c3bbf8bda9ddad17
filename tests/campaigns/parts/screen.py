"""A terminal in memory that keeps every byte that it gets."""

from __future__ import annotations

import io


class Screen(io.TextIOWrapper):
    """A stream that keeps what is written, as UTF-8 that replaces what it cannot write.

    is_terminal: what isatty returns.
    """

    def __init__(self, *, is_terminal: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="replace", newline="", write_through=True)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def taken(self) -> str:
        """What was written since the last call."""
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        text = buffer.getvalue().decode("utf-8", "replace")
        buffer.seek(0)
        buffer.truncate()
        return text
