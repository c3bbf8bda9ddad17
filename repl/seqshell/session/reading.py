"""Reading a text in chunks: it shows progress, and what an interrupt left can be read later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from seqshell.core.events import Event, Progress
from seqshell.core.text_output import counted
from seqshell.session.cursor import Cursor
from seqshell.session.navigation import Navigator

SILENT_SECONDS = 0.5  # work that takes less shows no progress
SECONDS_BETWEEN = 0.1


class Reading:
    """A text that a session reads. What an interrupt leaves unread is read when `steps` is called again.

    size: formats the size of some ids, and says what is counted: "6,976", "characters". then: the events that follow
    when all is read, such as an answer. anew: forget what was read before the text.
    """

    def __init__(
        self,
        cursor: Cursor,
        navigator: Navigator,
        ids: list[int],
        size: Callable[[list[int]], tuple[str, str]],
        then: Callable[[], Iterator[Event]],
        *,
        anew: bool = False,
    ) -> None:
        self.then = then
        self._cursor = cursor
        self._navigator = navigator
        self._ids = ids
        self._size = size
        self._anew = anew
        self._start = 0 if anew else cursor.position
        self._turn: tuple[int, str] | None = None  # that it began in, once it has begun

    @property
    def num_read(self) -> int:
        """The number of tokens that were read."""
        return 0 if self._turn is None else self._cursor.position - self._start

    @property
    def note(self) -> str:
        """How much was read, and how to continue."""
        read, (total, unit) = self._size(self._ids[: self.num_read])[0], self._size(self._ids)
        undo = " · /undo removes them" if self.num_read else ""
        return f"stopped: {read} of {total} {unit} read · Enter reads the rest{undo}"

    @property
    def is_done(self) -> bool:
        """True if all was read."""
        return self.num_read == len(self._ids)

    def steps(self) -> Iterator[Progress]:
        """Read what is left; yield Progress if it takes long. If the model fails, nothing of this call was read."""
        steps = self._begin() if self._turn is None else self._resume(self._turn)
        return slow_progress(steps, lambda: self.num_read, len(self._ids), "reading")

    def _begin(self) -> Iterator[int]:
        navigator = self._navigator
        steps = navigator.restarting(self._ids) if self._anew else navigator.reading(self._ids)
        self._turn = navigator.turn, navigator.line
        return steps

    def _resume(self, turn: tuple[int, str]) -> Iterator[int]:
        """Read the rest in the turn that began the text, so that one /undo removes all of it."""
        rest = self._ids[self.num_read :]
        self._navigator.turn, self._navigator.line = turn
        return self._navigator.reading(rest)


def slow_progress(
    steps: Iterable[object], done: Callable[[], int], total: int, doing: str, thing: str = "token"
) -> Iterator[Progress]:
    """Go through the steps of some work; yield Progress from time to time, and at the end, if it takes long.

    thing: what is counted.
    """
    due = time.monotonic() + SILENT_SECONDS
    shown = False
    for _ in steps:
        if (now := time.monotonic()) >= due:
            due, shown = now + SECONDS_BETWEEN, True
            yield _progress(done(), total, doing, thing)
    if shown:
        yield _progress(done(), total, doing, thing)


def _progress(done: int, total: int, doing: str, thing: str) -> Progress:
    return Progress(done, total, f"{done:,} of {counted(total, thing)}", doing)
