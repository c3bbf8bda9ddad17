"""A bar for long work, redrawn in place by rich; where the terminal cannot go back on a line, a line now and then."""

from __future__ import annotations

from typing import Any

from seqshell.core.events import Progress
from seqshell.terminal.printer import Printer

PIECES = 10  # lines in all where nothing can be redrawn


class ProgressBar:
    """Shown from the first Progress until `close`."""

    def __init__(self, printer: Printer) -> None:
        self.printer = printer
        self._progress: Any = None  # rich.progress.Progress; rich is imported with the first bar
        self._task: Any = None
        self._piece = -1

    def show(self, event: Progress) -> None:
        """Bring the bar to where the work is."""
        if self.printer.colours < 0:
            self._tell(event)
            return
        if self._progress is None:
            self._start()
        self._progress.update(
            self._task,
            completed=event.done,
            total=event.total or None,
            description=self.printer.text(event.description).plain,
            told=self.printer.text(event.text).plain,
        )

    def close(self, *, erase: bool = False) -> None:
        """Leave the bar as it is, and its line; erase: leave nothing of it."""
        self._piece = -1
        if self._progress is not None:
            self._progress.live.transient = erase
            self._progress.stop()
            self._progress = self._task = None
            self.printer.column = 0

    def _start(self) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        style = self.printer.rich_style
        self.printer.fresh_line()
        self._progress = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(
                None,
                style=style("dim"),
                complete_style=style("bar"),
                finished_style=style("bar"),
                pulse_style=style("bar"),
                table_column=Column(min_width=8, max_width=24, ratio=1),
            ),
            TextColumn("{task.percentage:>3.0f} %", markup=False),
            TextColumn(
                "{task.fields[told]}",
                markup=False,
                style=style("dim"),
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
            console=self.printer.console(follow=True),
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=None, told="")
        self._progress.start()

    def _tell(self, event: Progress) -> None:
        piece = event.done * PIECES // event.total if event.total else 0
        if piece != self._piece:
            self._piece = piece
            part = f"{100 * event.done // event.total} %" if event.total else ""
            self.printer.line(" ".join(filter(None, (event.description, part, event.text))))
