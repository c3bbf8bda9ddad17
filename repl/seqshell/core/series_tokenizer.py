"""Numbers as tokens: a table that gives each row of values an id.

A timeline contains token ids. For a series, an id is the index of a row in a table that belongs to one session and
grows as values are read. So undo, branches and saved sessions need no code for numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.core.text_output import exact
from seqshell.core.tokenizers import Json

if TYPE_CHECKING:
    from seqshell.core.number_text import Row


class Values:
    """A tokenizer for numbers: a token is a row of F values, and its id is the index of the row in the table.

    The table only grows; a row that it already has keeps its id. Where a model was trained on several series, each with
    its own scale, a row also has the mean and std [2F] by which it is normalised: an id then says which series it is
    of. The pieces joined are the series as text: values
    separated by spaces or, if there are several columns, one row per line. Each piece starts with its space or newline.
    """

    name: ClassVar[str] = "values"
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    unk: int | None = None

    def __init__(self, columns: Sequence[str], scale: Row = ()) -> None:
        """scale: of rows that are added without their own, [2F]; () if rows have none."""
        self.columns = tuple(columns)
        self.scale = scale
        self.separator = " " if len(self.columns) == 1 else "\n"
        self._rows: list[Row] = []
        self._ids: dict[Row, int] = {}

    @property
    def size(self) -> int:
        """The number of different rows read so far."""
        return len(self._rows)

    @property
    def table(self) -> NDArray[np.float64]:
        """All rows, by id: [size, F], or [size, 3F] with their scales."""
        return np.array(self._rows, np.float64).reshape(self.size, self._width)

    def encode(self, text: str) -> list[int]:
        """Return the ids of the rows in a text, with the errors of `read_rows`."""
        from seqshell.core.number_text import read_rows  # every session imports this module, few read numbers

        return self.add(read_rows(text, self.columns))

    @property
    def _width(self) -> int:
        return len(self.columns) + len(self.scale)

    def add(self, rows: Iterable[Row], scale: Row = ()) -> list[int]:
        """Return the ids of rows of finite numbers. New rows are added at the end of the table.

        scale: by which they are normalised [2F], if rows have scales; default: that of the tokenizer.
        """
        ids = []
        for values in rows:
            row = (*values, *(scale or self.scale)) if self.scale else tuple(values)
            found = self._ids.setdefault(row, len(self._rows))
            if found == len(self._rows):
                self._rows.append(row)
            ids.append(found)
        return ids

    def fill(self, table: NDArray[Any]) -> None:
        """Restore a saved table [N, F]. Raises CheckpointError if it is invalid or this table is not empty."""
        size = len(self.columns)
        if self._rows or table.ndim != 2 or table.shape[1] != self._width or not np.isfinite(table).all():
            raise CheckpointError("the values are not rows of this series")
        if self.scale and (table[:, 2 * size :] <= 0).any():
            raise CheckpointError("a standard deviation of the values is not above 0")
        ids = [self.add([row[:size]], row[size:])[0] for row in map(tuple, table.tolist())]
        if ids != list(range(len(table))):
            raise CheckpointError("a row of values occurs twice")

    def rows(self, ids: Any) -> NDArray[np.float64]:
        """Return the rows of ids [...]: [..., F]."""
        return self._looked_up(ids)[..., : len(self.columns)]

    def scales(self, ids: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the mean and std [..., F] by which the rows of ids [...] are normalised; None if rows have none."""
        if not self.scale:
            return None
        size, found = len(self.columns), self._looked_up(ids)
        return found[..., size : 2 * size], found[..., 2 * size :]

    def _looked_up(self, ids: Any) -> NDArray[np.float64]:
        ids = np.asarray(ids, np.int64)
        return np.array([self._rows[number] for number in ids.ravel().tolist()], np.float64).reshape(
            *ids.shape, self._width
        )

    def piece(self, token: int) -> bytes:
        """A row as text, starting with its separator."""
        return (self.separator + " ".join(map(exact, self._rows[token][: len(self.columns)]))).encode()

    def to_json(self) -> dict[str, Any]:
        """The columns only: the rows belong to a session."""
        return {"columns": list(self.columns)}

    @classmethod
    def from_json(cls, data: Json) -> Values:
        columns = data.get("columns")
        if not isinstance(columns, list) or not columns or not all(isinstance(name, str) and name for name in columns):
            raise CheckpointError("the values tokenizer needs column names")
        return cls(columns)

    @classmethod
    def train(cls, texts: Iterable[str], *, columns: Sequence[str] = ("value",)) -> Values:
        """Return a tokenizer whose table contains the rows of the texts."""
        values = cls(columns)
        for text in texts:
            values.encode(text)
        return values
