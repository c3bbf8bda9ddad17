"""A progress bar, redrawn in place by rich and then removed; a training has its loss curve instead.

A terminal without escape sequences gets a few lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from seqshell.core.events import Progress, TrainingStep
from seqshell.terminal.printer import Printer

if TYPE_CHECKING:
    from seqshell.terminal.live_curve import LiveCurve

WITH_BAR = 72  # columns of the window
MIN_HEIGHT = 16  # lines of a window that has room for a loss curve
MAX_LINES = 10  # on a terminal without escape sequences


def _columns(style: Callable[[str], Any], width: int) -> tuple[Any, ...]:
    """The columns of a bar for rich, on one line in any window: description, bar, percentage, and the field `note`.

    style: the rich style with a name, `dim` or `bar`. width: of the window; a narrow one shows the percentage alone.
    """
    from rich.progress import BarColumn, TextColumn
    from rich.table import Column

    bar = BarColumn(
        None,
        style=style("dim"),
        complete_style=style("bar"),
        finished_style=style("bar"),
        pulse_style=style("bar"),
        table_column=Column(min_width=8, max_width=24, ratio=1),
    )
    return (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        *([bar] if width >= WITH_BAR else []),
        TextColumn("{task.percentage:>3.0f} %", markup=False, table_column=Column(no_wrap=True)),
        TextColumn(
            "{task.fields[note]}",
            markup=False,
            style=style("dim"),
            table_column=Column(no_wrap=True, overflow="ellipsis"),
        ),
    )


class ProgressBar:
    """Visible from the first Progress event until `close`."""

    def __init__(self, printer: Printer) -> None:
        self.printer = printer
        self._progress: Any = None  # rich.progress.Progress; rich is imported with the first bar
        self._task: Any = None
        self._lines = -1
        self._curve: LiveCurve | None = None
        self._has_left_curve = False

    def show(self, event: Progress) -> None:
        """Update the bar."""
        if self.printer.colours < 0:
            self._print_line(event)
            return
        if isinstance(event, TrainingStep) and (self._curve is not None or self.printer.height >= MIN_HEIGHT):
            self._curve = self._curve or self._new_curve()
            self._curve.show(event)
            return
        if self._progress is None:
            self._start()
        self._progress.update(
            self._task,
            completed=event.done,
            total=event.total or None,
            description=self.printer.text(event.description).plain,
            note=self.printer.text(event.text).plain,
        )

    def interrupt(self, draw: Callable[[], None]) -> None:
        """Let a note be drawn: above the loss curve, or instead of the bar."""
        if self._curve is not None:
            self._curve.below(draw)
        else:
            self.close()
            draw()

    def close(self) -> None:
        """Remove the bar from the screen, so that only results stay in the scroll-back; the last loss curve stays."""
        self._lines = -1
        if self._curve is not None:
            self._curve.end()
            self._curve, self._has_left_curve = None, True
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None
            self.printer.column = 0

    def take_left_curve(self) -> bool:
        """Whether the loss curve of the training that ends is on the screen already."""
        found, self._has_left_curve = self._has_left_curve, False
        return found

    def _new_curve(self) -> LiveCurve:
        from seqshell.terminal.live_curve import LiveCurve

        self.close()
        self._has_left_curve = False
        return LiveCurve(self.printer)

    def _start(self) -> None:
        from rich.progress import Progress as Bar

        self.printer.fresh_line()
        self._progress = Bar(
            *_columns(self.printer.rich_style, self.printer.width),
            console=self.printer.console(follow=True),
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=None, note="")
        self._progress.start()

    def _print_line(self, event: Progress) -> None:
        number = event.done * MAX_LINES // event.total if event.total else 0
        if number != self._lines:
            self._lines = number
            part = f"{100 * event.done // event.total} %" if event.total else ""
            self.printer.line(" ".join(filter(None, (event.description, part, event.text))))
