"""The loss curve of a training, redrawn in place while it runs; the last picture stays."""

from __future__ import annotations

import time
from collections.abc import Callable

from seqshell.core.events import LossCurve, TrainingStep
from seqshell.terminal.loss_curves import Row, rows_of
from seqshell.terminal.printer import Printer
from seqshell.training.loss_curve import loss_curve

EVERY = 0.25  # seconds between two pictures
MOST_POINTS = 400  # losses that are kept; then each two become one


class RecentLosses:
    """The losses of batches as means, each of the same number of batches."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []
        self._size = 1  # batches of a point
        self._waiting: list[float] = []

    def add(self, update: int, loss: float) -> None:
        """Add the loss of a batch."""
        self._waiting.append(loss)
        if len(self._waiting) < self._size:
            return
        self.points.append((update, sum(self._waiting) / self._size))
        self._waiting = []
        if len(self.points) == MOST_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [(last, (one + other) / 2) for (_, one), (last, other) in pairs]
            self._size *= 2


class LiveCurve:
    """Visible from the first step on; `end` lets the last picture stay. clock: the time in seconds."""

    def __init__(self, printer: Printer, clock: Callable[[], float] = time.monotonic) -> None:
        self.printer = printer
        self._clock = clock
        self._losses = RecentLosses()
        self._step: TrainingStep | None = None  # the last one
        self._earlier: tuple[tuple[int, float], ...] = ()  # of the training before it was resumed
        self._lines = 0  # that are on the screen
        self._drawn = 0.0

    def show(self, step: TrainingStep) -> None:
        """Add a step, and draw the picture if the last one is old enough."""
        if self._step is None:
            curve = loss_curve(step.history, "")
            self._earlier = tuple(point for point in curve.training if point[0] < step.update)
        self._step = step
        self._losses.add(step.update, step.loss)
        if not self._lines or self._clock() - self._drawn >= EVERY:
            self._draw(with_progress=True)

    def below(self, draw: Callable[[], None]) -> None:
        """Let something be drawn above the picture."""
        self.erase()
        draw()
        self._draw(with_progress=True)

    def erase(self) -> None:
        """Remove the picture from the screen."""
        self.printer.rows((), above=min(self._lines, self._room))
        self._lines = 0

    def end(self) -> None:
        """Let the last picture stay, without the progress."""
        self._draw(with_progress=False)
        self._lines = 0

    @property
    def _room(self) -> int:
        """The rows of the window above the cursor; what has scrolled out of it stays as it is."""
        return max(1, self.printer.height - 1)

    @property
    def curve(self) -> LossCurve:
        """What is drawn."""
        assert self._step is not None
        validation = loss_curve(self._step.history, "").validation
        return LossCurve("", (*self._earlier, *self._losses.points), validation, self._step.unit)

    def _draw(self, *, with_progress: bool) -> None:
        assert self._step is not None
        rows = rows_of(self.printer, self.curve)
        if with_progress:
            rows.append(self._progress(self._step))
        if not self._lines:
            self.printer.fresh_line()
        rows = rows[-self._room :]
        self.printer.rows(rows, above=min(self._lines, self._room))
        self._lines, self._drawn = len(rows), self._clock()

    def _progress(self, step: TrainingStep) -> Row:
        """How far the training is, on one line."""
        text = f"{step.description} · {100 * step.done // max(1, step.total)} % · {step.text}"
        room = self.printer.width - 1
        return [(text if len(text) <= room else text[: room - 1] + "…", "dim")]
