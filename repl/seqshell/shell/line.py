"""The line being executed, and what listens to all lines: the history, and the last result for /expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from seqshell.core.events import Event, LineFinished, LineStarted, ResultText
from seqshell.core.plugin_guard import Guard


@dataclass
class Line:
    """A line while it is executed.

    text: the line as it was sent. op: its operation, as LineStarted has it. number: how many lines were started before
    and with it. outer: the line that runs this one, as /source does.
    model: the name of the open model that answers it, if that is not the current one.
    changed: whether it moved the current session; known when it has finished.
    guard: of the third-party plugin's command that runs; else None.
    stops_after: what an interrupt waits for, such as "this step"; empty if the line may be stopped anywhere.
    """

    text: str
    op: str
    number: int
    outer: Line | None = None
    model: str | None = None
    changed: bool = False
    guard: Guard | None = None
    stops_after: str = ""


class Listener(Protocol):
    """Hears every event of every line once, in order."""

    def hear(self, event: Event) -> None:
        """Take in the next event.

        After a KeyboardInterrupt, a LineFinished may come twice, or without its LineStarted.
        """


class History:
    """The lines that were started, oldest first."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def hear(self, event: Event) -> None:
        """Keep the line of a LineStarted."""
        if isinstance(event, LineStarted):
            self.lines.append(event.text)


class LastResult:
    """The text of the last line that had a result and did not fail. A line that runs others has all their results."""

    def __init__(self) -> None:
        self.text = ""
        self._running: list[ResultText] = []

    def hear(self, event: Event) -> None:
        """Collect results, and keep them when their line ends."""
        if isinstance(event, LineStarted):
            self._running.append(ResultText())
        elif isinstance(event, LineFinished):
            text = self._running.pop().text if self._running else None
            self.text = self.text if event.failed or text is None else text
        else:
            self.add(event)

    def add(self, event: Event) -> None:
        """Collect the results of an event within a line."""
        for results in self._running:
            results.add(event)
