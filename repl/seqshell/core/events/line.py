"""The course of a line: its start and end, what hooks show, a script to take step by step, and the request to leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Notice

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class LineStarted(Event):
    """A line starts. Lines that it runs, as /source does, start and finish in between.

    op: its name in JSON: the task of a message, the full name of a command with its slash, or empty if no model is
    open. number: counts the lines of the shell from 1. text: the line as it was sent. task: the task of the current
    model.
    """

    op: str
    number: int
    text: str = ""
    task: str = ""


@dataclass(frozen=True)
class LineFinished(Event):
    """The line that started last ends. changed: whether it moved the current session. failed: an error follows."""

    changed: bool
    failed: bool = False


@dataclass(frozen=True)
class Steps(Event):
    """A script to take line by line: the terminal shows its comments as prose and puts each other line into the prompt.

    name: as the user wrote it, e.g. /tour. lines: the lines of the file, with comments and blocks.
    """

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class ByHand(Event):
    """The user chooses with keys: the terminal calls the methods of a Picker or an Explorer until the user ends it."""

    chooser: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Quit(Event):
    """The user leaves. code: the exit code, 0 to 255; ValueError for another."""

    code: int = 0

    def __post_init__(self) -> None:
        if type(self.code) is not int or not 0 <= self.code <= 255:
            raise ValueError(f"the exit code must be a whole number from 0 to 255, not {self.code!r:.20}")


@dataclass(frozen=True)
class HookOutput(Event):
    """An event that a hook of a plugin returned, to be shown beside the results of the line. hook: its name."""

    plugin: str
    hook: str
    event: Event

    def as_json(self) -> Mapping[str, Any]:
        """The fields of the event, or its text if it has none, with the plugin and the hook."""
        fields = self.event.as_json() or {"text": self.as_text() or ""}
        return {**fields, "plugin": self.plugin, "hook": self.hook}

    def as_text(self) -> str | None:
        """The text of the event."""
        return self.event.text if isinstance(self.event, Notice) else self.event.as_text()

    def as_page(self) -> Page | None:
        """What the event looks like."""
        return self.event.as_page()
