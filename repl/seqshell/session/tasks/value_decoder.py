"""Numbers as a model for FORECAST reads them: a table of rows that gives each its id, and the decoder that takes them by id.

A timeline holds ids. Those of a series are the numbers of rows in a table that grows with what is read and belongs to one session, so
that undo, branches and saved sessions need to know nothing of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Model, Series, Task
from seqshell.core.number_text import Row, as_text, read_rows
from seqshell.core.state import State
from seqshell.core.tokenizers import Json

FURTHEST = 1e6  # standard deviations from the mean of the training data; what is further away is no value of this series


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
        return np.array([self._rows[number] for number in ids.ravel().tolist()], np.float64).reshape(*ids.shape, len(self.columns))

    def piece(self, token: int) -> bytes:
        """A row as text, with what stands before it."""
        return (self.separator + " ".join(map(as_text, self._rows[token]))).encode()

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


class ValueDecoder:
    """A Decoder of normalised values as one of ids: what is read is looked up, and normalised as the series says."""

    def __init__(self, decoder: Decoder, values: Values, series: Series) -> None:
        self._decoder = decoder
        self._values = values
        self._mean, self._std = np.array(series.mean), np.array(series.std)
        self._series = series

    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...]."""
        return self._decoder.initial_state(batch_size)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] ids, or [B, F] float32 that is normalised already. Returns outputs [B, K, F, Q], state."""
        return self._decoder.step(self._normalised(inputs), state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] ids, or [B, T, F] float32 that is normalised already; T >= 1. Returns the outputs [B, K, F, Q] after the last, state."""
        return self._decoder.feed(self._normalised(inputs), state)

    def _normalised(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        if np.issubdtype(inputs.dtype, np.floating):
            return inputs.astype(np.float32, copy=False)
        rows = self._values.rows(inputs)
        normalised = (rows - self._mean) / self._std
        far = np.argwhere(np.abs(normalised) > FURTHEST)
        if len(far):
            column = far[0][-1]
            raise UsageError(
                f"{as_text(rows[tuple(far[0])])} is too far from what the model was trained on: "
                f"{self._series.columns[column]} has the mean {self._mean[column]:.4g} and the standard deviation {self._std[column]:.4g}"
            )
        found: NDArray[np.float32] = normalised.astype(np.float32)
        return found


def with_values(model: Model) -> Model:
    """The model as one session has it: one for FORECAST with a table of its own, any other as it is."""
    if model.task is not Task.FORECAST or model.series is None:
        return model
    return replace(model, tokenizer=Values(model.series.columns))


def decoder_of(model: Model) -> Decoder:
    """The model's decoder, of ids in any case."""
    if model.task is not Task.FORECAST or model.series is None:
        return model.decoder
    return ValueDecoder(model.decoder, cast(Values, model.tokenizer), model.series)
