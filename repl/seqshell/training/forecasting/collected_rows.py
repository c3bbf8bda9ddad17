"""The rows of a large table of series while they are read: in files and small arrays, and in which order they are."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import quoted
from seqshell.training.data.array_store import Spools
from seqshell.training.data.token_rows import NewRows
from seqshell.training.forecasting.blocks import Block


class CollectedRows:
    """Of each row: the number of its series, its time as a number, its number in the file, its values and its time.

    names: of series, with their numbers. notes: about the numbers. has_gaps: whether a value is missing.
    """

    def __init__(self, spools: Spools) -> None:
        self.names: dict[str, int] = {}
        self.notes: dict[str, None] = {}
        self.has_gaps = False
        self.values, self.times = spools.new(np.float64), NewRows(np.uint8, spools)
        self._codes, self._keys, self._numbers = array("I"), array("d"), array("q")

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, block: Block, numbers: NDArray[np.int64]) -> None:
        """Add rows. numbers: of all rows that were read for the block."""
        codes = np.array([self.names.setdefault(name, len(self.names)) for name in block.names], np.uint32)
        keys = len(self) + np.arange(len(block), dtype=np.float64) if block.keys is None else block.keys
        self._codes.frombytes(codes[block.codes].tobytes())
        self._keys.frombytes(keys.tobytes())
        self._numbers.frombytes(numbers[block.rows].tobytes())
        self.has_gaps |= bool(np.isnan(block.values).any())
        self.values.add(np.ascontiguousarray(block.values))
        self.times.extend(block.texts, block.sizes)
        self.notes |= dict.fromkeys(block.notes)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The numbers [N] of the rows in the file."""
        return np.frombuffer(self._numbers, np.int64)

    @property
    def sizes(self) -> list[int]:
        """The number of rows of each series."""
        sizes: list[int] = np.bincount(np.frombuffer(self._codes, np.uint32), minlength=len(self.names)).tolist()
        return sizes

    def order(self, name: str) -> NDArray[Any] | None:
        """The rows by series and time; None if they are in this order. Raises RecipeError for equal times."""
        codes, keys = np.frombuffer(self._codes, np.uint32), np.frombuffer(self._keys, np.float64)
        same = codes[1:] == codes[:-1]
        if bool(((codes[1:] > codes[:-1]) | (same & (keys[1:] > keys[:-1]))).all()):
            return None
        order = np.lexsort((keys, codes))
        equal = (codes[order[1:]] == codes[order[:-1]]) & (keys[order[1:]] == keys[order[:-1]])
        if equal.any():
            place = int(np.flatnonzero(equal)[0])
            first, second = sorted(self._numbers[row] for row in order[place : place + 2].tolist())
            series = list(self.names)[int(codes[order[place]])]
            what = f" of the series {quoted(series)}" if series else ""
            raise RecipeError(f"{name}: rows {first} and {second}{what} have the same time; remove one of them")
        return order
