"""Numbers as tokens: a table of rows that gives each row its id.

A timeline holds ids. Those of a series are the numbers of rows in a table that grows with what is read and belongs to one session, so
that undo, branches and saved sessions need to know nothing of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.core.number_text import Row, read_rows
from seqshell.core.text_output import exact
from seqshell.core.tokenizers import Json


class Values:
    """A tokenizer of numbers: a token is a row of F values, and its id the number of that row in a table of those that were read.

    The table only grows, and a row that stands in it already is the same token again. Joined pieces are the series as text: values
    apart by spaces, or one row a line where there are several columns, each piece with the space or the line break before it.
    """

    name: ClassVar[str] = "values"
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    unk: int | None = None

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.separator = " " if len(self.columns) == 1 else "\n"
        self._rows: list[Row] = []
        self._ids: dict[Row, int] = {}

    @property
    def size(self) -> int:
        """The number of different rows that were read."""
        return len(self._rows)

    @property
    def table(self) -> NDArray[np.float64]:
        """[size, F]: every row by its id."""
        return np.array(self._rows, np.float64).reshape(self.size, len(self.columns))

    def encode(self, text: str) -> list[int]:
        """The ids of the rows that a text holds. VocabularyError for a word that is no number, UsageError for what makes no rows."""
        return self.add(read_rows(text, self.columns))

    def add(self, rows: Iterable[Row]) -> list[int]:
        """The ids of rows of finite numbers; those that are not in the table yet go to its end."""
        ids = []
        for row in rows:
            found = self._ids.setdefault(row, len(self._rows))
            if found == len(self._rows):
                self._rows.append(row)
            ids.append(found)
        return ids

    def fill(self, table: NDArray[Any]) -> None:
        """Take the rows of a table that was saved, in their order. ValueError when it cannot be one."""
        if self._rows or table.ndim != 2 or table.shape[1] != len(self.columns) or not np.isfinite(table).all():
            raise ValueError("the values are no rows of this series")
        if self.add(map(tuple, table.tolist())) != list(range(len(table))):
            raise ValueError("a row of values stands twice")

    def rows(self, ids: Any) -> NDArray[np.float64]:
        """ids: [...]. Returns [..., F]."""
        ids = np.asarray(ids, np.int64)
        return np.array([self._rows[number] for number in ids.ravel().tolist()], np.float64).reshape(
            *ids.shape, len(self.columns)
        )

    def piece(self, token: int) -> bytes:
        """A row as text, with what stands before it."""
        return (self.separator + " ".join(map(exact, self._rows[token]))).encode()

    def to_json(self) -> dict[str, Any]:
        """The columns: the rows belong to a session."""
        return {"columns": list(self.columns)}

    @classmethod
    def from_json(cls, data: Json) -> Values:
        columns = data.get("columns")
        if not isinstance(columns, list) or not columns or not all(isinstance(name, str) and name for name in columns):
            raise CheckpointError("the tokenizer of values needs the names of the columns")
        return cls(columns)

    @classmethod
    def train(cls, texts: Iterable[str], *, columns: Sequence[str] = ("value",)) -> Values:
        """A table with the rows of the texts in it."""
        values = cls(columns)
        for text in texts:
            values.encode(text)
        return values
