"""Changes of the session: moves in time, branches, settings, and the model that is current."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows, rows_of
from seqshell.core.text_output import columns

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page, Twig


@dataclass(frozen=True)
class Moved(Event):
    """The session moved in time. removed: the number of tokens undone (negative: restored). undo_path: how to return.

    tail: the last two lines of the text as it is now. Commands fill it in; a session moved from Python has it as
    `session.tail`. state: where the state is from that the text begins with, if the user gave one.
    interventions: those that are active there.
    """

    position: int
    was: int
    branch: str
    tail: str = ""
    removed: int = 0
    undo_path: str = ""
    state: str = ""
    interventions: tuple[str, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """The position and where it was before."""
        place: dict[str, Any] = {"pos": self.position, "was": self.was, "branch": self.branch, "tail": self.tail}
        place |= {"state": self.state} if self.state else {}
        return {**place, "interventions": numbered(self.interventions)} if self.interventions else place


def numbered(interventions: Sequence[str]) -> list[Mapping[str, Any]]:
    """Interventions as JSON: by the number that /interventions clear takes."""
    return [{"number": number, "text": text} for number, text in enumerate(interventions, 1)]


@dataclass(frozen=True)
class Branch:
    """A branch: its position, its first words after it left its parent, the parent's name, and the position where it
    left.
    """

    name: str
    position: int
    current: bool
    text: str = ""
    parent: str | None = None
    fork: int = 0

    def as_twig(self, twigs: tuple[Twig, ...]) -> Twig:
        """The branch as a part of a tree, with what left it."""
        from seqshell.core.pictures.page import Twig

        start = f"from {self.fork:,}" if self.parent is not None else ""
        note = " · ".join(filter(None, (start, f"position {self.position:,}", self.text.split("\n")[0][:60])))
        return Twig(self.name, None, note, twigs, marked=self.current)


@dataclass(frozen=True)
class Branches(Event):
    """The branches of a session, parents before children."""

    branches: tuple[Branch, ...]

    def as_json(self) -> Mapping[str, Any]:
        """The names and positions."""
        return {
            "branches": [{"name": item.name, "pos": item.position, "current": item.current} for item in self.branches]
        }

    def as_rows(self) -> Rows:
        """One row for each branch."""
        return rows_of(self.as_json()["branches"])

    def as_text(self) -> str:
        """One line for each branch, the current one marked with a star."""
        rows = [
            ("*" if item.current else " ", item.name, item.position, item.text.split("\n")[0][:60])
            for item in self.branches
        ]
        return "\n".join(columns(rows))

    def as_page(self) -> Page:
        """The tree of the branches, with their first words."""
        from seqshell.core.pictures.page import Page, Tree

        twigs: dict[str | None, list[Twig]] = {}
        for item in reversed(self.branches):  # children before parents
            below = tuple(reversed(twigs.pop(item.name, [])))
            twigs.setdefault(item.parent, []).append(item.as_twig(below))
        return Page((Tree(tuple(reversed(twigs.get(None, [])))),))


@dataclass(frozen=True)
class SettingChanged(Event):
    """A setting has another value."""

    name: str
    value: Any
    was: Any

    def as_json(self) -> Mapping[str, Any]:
        """The new value and the old one."""
        return {"name": self.name, "value": self.value, "was": self.was}


@dataclass(frozen=True)
class PresetLoaded(Event):
    """Tokens are chosen as a preset says. changes: its strategy, its chain and its settings."""

    name: str
    changes: tuple[SettingChanged, ...]

    def as_json(self) -> Mapping[str, Any]:
        """The name, and each new value with the old one."""
        return {"preset": self.name, "changes": [dict(change.as_json()) for change in self.changes]}


@dataclass(frozen=True)
class ModelOpened(Event):
    """A model became the current one. title, about: the lines that introduce it."""

    name: str
    title: str
    about: str = ""

    def json_text(self) -> str:
        """The title, which plain text leaves out as a confirmation."""
        return self.title
