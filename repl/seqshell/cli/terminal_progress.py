"""Progress of a subcommand on a terminal: a bar, or the loss curve of a training, drawn as the shell draws them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TextIO

from seqshell.core.events import Progress
from seqshell.terminal.printer import printer_on
from seqshell.terminal.progress_bar import ProgressBar


class TerminalProgress(io.TextIOBase):
    """Draws progress in place on a terminal, with notes above it.

    While it is shown it is stderr, too, so that a warning, or what a signal handler prints, is a note.
    """

    encoding = "utf-8"

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._printer = printer_on(terminal)
        self._bar = ProgressBar(self._printer)
        self._is_drawing = False
        self._printed = ""  # by other code, and not shown yet

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw in this block; after it nothing is left but notes, and the last loss curve."""
        with redirect_stderr(self):
            try:
                yield
            finally:
                self._draw(self._bar.close)
                if self._printed:  # a line without an end
                    self.write("\n")

    def progress(self, event: Progress) -> None:
        """Show how far the work is."""
        self._draw(lambda: self._bar.show(event))

    def note(self, text: str) -> None:
        """Show lines above the picture."""
        self._draw(lambda: self._bar.interrupt(lambda: self._printer.line(text)))

    def take_left_curve(self) -> bool:
        """Whether the loss curve of the training that ends is on the screen already."""
        return self._bar.take_left_curve()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()

    def write(self, text: str) -> int:
        """Show whole lines as notes: at once, or after what is being drawn if a signal has interrupted that."""
        self._printed += text
        if not self._is_drawing:
            self._show_printed()
        return len(text)

    def _draw(self, draw: Callable[[], None]) -> None:
        self._is_drawing = True
        try:
            draw()
        finally:
            self._is_drawing = False
        self._show_printed()

    def _show_printed(self) -> None:
        lines, end, self._printed = self._printed.rpartition("\n")
        if end:
            self.note(lines)
