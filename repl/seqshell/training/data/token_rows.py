"""The ids of many texts in one array of small integers: lists of Python's integers take ten times as much memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.part_encoding import integer_type


class TokenRows(Sequence[list[int]]):
    """The ids of each text, as lists. Like a list of lists, but it cannot be changed once it is read."""

    def __init__(self, rows: Iterable[Sequence[int]], tokenizer: Tokenizer) -> None:
        self._ids = array(integer_type(tokenizer.size).char)
        self._ends = array("q", [0])
        for row in rows:
            self.append(row)

    def append(self, row: Sequence[int]) -> None:
        """Add a text."""
        self._ids.extend(row)
        self._ends.append(len(self._ids))

    @overload
    def __getitem__(self, place: int) -> list[int]: ...
    @overload
    def __getitem__(self, place: slice) -> list[list[int]]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        first = place % len(self)
        return self._ids[self._ends[first] : self._ends[first + 1]].tolist()

    def __len__(self) -> int:
        return len(self._ends) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each text."""
        ends: NDArray[np.int64] = np.frombuffer(self._ends, np.int64)
        return ends[1:] - ends[:-1]


def lengths_of(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """The number of tokens of each text."""
    return rows.lengths if isinstance(rows, TokenRows) else np.fromiter(map(len, rows), np.int64, len(rows))
