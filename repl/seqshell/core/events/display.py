"""What commands show, those of plugins included: texts, tables and pictures; and fields for the JSON result alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import columns, fixed

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page


@dataclass(frozen=True)
class Text(Event):
    """The text that a command was asked for. spans: [start, end) ranges of it that the user wrote (drawn bold)."""

    text: str
    spans: tuple[tuple[int, int], ...] = ()

    def as_text(self) -> str:
        """The text."""
        return self.text

    def as_rows(self) -> Rows:
        """A row for each part: who wrote it, and its text."""
        writers = {True: "user", False: "model"}
        return [("from", "text"), *((writers[is_written], text) for text, is_written in self.parts())]

    def as_page(self) -> Page:
        """The text, what the user wrote in bold."""
        from seqshell.core.pictures.page import Page, Passage, Piece

        return Page((Passage(tuple(Piece(text, bold=is_written) for text, is_written in self.parts())),))

    def parts(self) -> list[tuple[str, bool]]:
        """The text in parts: each with whether the user wrote it."""
        ends = [0, *(end for span in self.spans for end in span), len(self.text)]
        found = [(self.text[start:end], index % 2 == 1) for index, (start, end) in enumerate(pairwise(ends))]
        return [(text, is_written) for text, is_written in found if text]


@dataclass(frozen=True)
class Table(Event):
    """Rows under column names; cells are str, int, float, bool or None.

    optional: the columns that a narrow window leaves out, the least important first.
    """

    in_data: ClassVar[bool] = True
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""
    optional: tuple[str, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """The table."""
        return {"title": self.title, "columns": self.columns, "rows": self.rows}

    def as_rows(self) -> Rows:
        """The names of the columns, and the rows."""
        return [self.columns, *self.rows]

    def as_text(self) -> str:
        """The title, the names if there are any, and the rows in columns."""
        title = [self.title] if self.title else []
        names = [self.columns] if any(self.columns) else []
        return "\n".join([*title, *columns([*names, *self.rows])])

    def as_page(self) -> Page:
        """The table."""
        from seqshell.core.pictures.page import Grid, Page

        return Page((Grid(self.columns, self.rows, self.title),))


@dataclass(frozen=True)
class Tables(Event):
    """Tables that are shown below each other, with an empty line between them."""

    tables: tuple[Table, ...]

    def as_text(self) -> str:
        """The text of each."""
        return "\n\n".join(table.as_text() for table in self.tables)

    def as_page(self) -> Page:
        """Each table."""
        from seqshell.core.pictures.page import Page

        return Page(tuple(block for table in self.tables for block in table.as_page().blocks))


@dataclass(frozen=True)
class Picture(Event):
    """An array [rows, columns] to draw as a heat map, with labels {"rows": [...], "columns": [...]}."""

    in_data: ClassVar[bool] = True
    array: Any = field(repr=False, compare=False)
    labels: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> Mapping[str, Any]:
        """The array and its labels."""
        return {"array": self.array, "labels": self.labels}

    def as_text(self) -> str:
        """The values in columns."""
        rows, names = self.labels.get("rows", ()), self.labels.get("columns", ())
        values = [[fixed(value) for value in row] for row in self.array]
        named = [[*rows[index : index + 1], *row] for index, row in enumerate(values)]
        return "\n".join(columns([[""] * bool(rows) + list(names)] * bool(names) + named))

    def as_page(self) -> Page:
        """A heat map over the range of the finite values."""
        from seqshell.core.pictures.page import HeatMap, Page, Scale

        values = [[float(value) for value in row] for row in self.array]
        finite = [value for row in values for value in row if math.isfinite(value)] or [0.0]
        rows = _labels(self.labels.get("rows", ()), len(values))
        names = _labels(self.labels.get("columns", ()), max(map(len, values), default=0))
        return Page((HeatMap(rows, names, values, Scale(min(finite), max(finite))),))


def _labels(given: Sequence[Any], number: int) -> tuple[str, ...]:
    return tuple(str(given[index]) if index < len(given) else "" for index in range(number))


@dataclass(frozen=True)
class Data(Event):
    """Fields of the line's JSON result that no other event has; nothing to draw. op: replaces the line's op in the
    result.
    """

    values: Mapping[str, Any]
    op: str = ""

    def as_json(self) -> Mapping[str, Any]:
        """The fields."""
        return self.values
