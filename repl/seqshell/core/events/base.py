"""What every event has: its JSON and its plain text. Texts in events are not safe to print: the output cleans them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

Rows = Sequence[Sequence[Any]]


def rows_of(objects: Sequence[Mapping[str, Any]]) -> Rows:
    """The rows of objects with the same names, which come first."""
    return [tuple(objects[0]), *(tuple(each.values()) for each in objects)] if objects else []


@dataclass(frozen=True)
class Event:
    """Something that happens while a line is executed. Scripts print events, and the terminal draws them.

    in_data: whether the JSON object of the event is an item under "data" beside the text of the result, rather than
    fields of the result.
    """

    in_data: ClassVar[bool] = False

    def as_json(self) -> Mapping[str, Any]:
        """The fields of the line's JSON result; empty if it has none."""
        return {}

    def as_text(self) -> str | None:
        """The plain text, without a newline at its end; None if the event prints nothing."""
        return None

    def as_rows(self) -> Rows | None:
        """The rows of a table, the names of its columns first; None if it is no table."""
        return None

    def json_text(self) -> str | None:
        """The text of the JSON result of a line that has no fields."""
        return self.as_text()

    def as_page(self) -> Page | None:
        """What it looks like in HTML, SVG and PNG; None if the event has no picture.

        Unless a class has its own, its rows as a table, else its text.
        """
        from seqshell.core.pictures.page import Grid, Page, Plain

        if rows := self.as_rows():
            return Page((Grid(tuple(map(str, rows[0])), tuple(rows[1:])),))
        return Page((Plain(text),)) if (text := self.as_text()) else None

    def _repr_html_(self) -> str | None:
        """What notebooks show; None: its repr."""
        page = self.as_page()
        if page is None:
            return None
        from seqshell.core.pictures.html import fragment

        return fragment(page)


@dataclass(frozen=True)
class Notice(Event):
    """A note beside the result; scripts write it to stderr. level: info, warning, or label (before an answer, on its
    line).
    """

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Progress(Event):
    """The progress of long work: `done` of `total` (0: unknown). text: shown after the bar; description: before it."""

    done: int
    total: int
    text: str = ""
    description: str = ""

    def as_line(self) -> str:
        """The same without a bar: the count, unless the text begins with it."""
        count = f"{self.done}/{self.total}" if self.total else str(self.done)
        has_count = self.text.startswith(f"{self.done:,} of ")
        return " ".join(filter(None, (self.description, "" if has_count else count, self.text)))


@dataclass(frozen=True)
class TrainingStep(Progress):
    """The progress of a training after a batch. update: the number of updates so far; loss: of the batch, in `unit`.

    speed: tokens per second. history: the records so far, as in metrics.jsonl; it grows while the training continues.
    """

    update: int = 0
    loss: float = math.nan
    unit: str = "nats"
    speed: float = 0.0
    history: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
