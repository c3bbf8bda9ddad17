"""Rows of an array: the ids of many texts, or the texts, without an object of Python for each of them.

Lists of Python's integers take ten times as much memory. The array may be mapped from a file.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.array_store import ArrayStore, Parts, Spools, forget
from seqshell.training.data.coded import Coded
from seqshell.training.data.small_integers import integer_type, small

Item = TypeVar("Item")
TOGETHER = 4096  # rows that are read or looked up together
MEASURED = 1 << 20  # rows whose lengths are computed together
FORGOTTEN = 1 << 24  # numbers of a mapped array that are read before it is left to the system
BUFFER = 1 << 20  # numbers that are collected before they are written to a file


class Rows(Sequence[Item]):
    """Rows of an array. Like a tuple, with items that are made when they are asked for.

    content: of all rows, one after the other. ends: [R + 1], where each begins and the last one ends. rows: [N], which
    of them these are; None: all.
    """

    def __init__(self, content: Any, ends: Any, rows: NDArray[Any] | None = None) -> None:
        self._content, self._ends, self._rows = content, ends, rows

    @abstractmethod
    def _item(self, part: Any) -> Item:
        """The item of a part of the content."""

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        row = place % len(self) if self._rows is None else int(self._rows[place])
        return self._item(self._content[self._ends[row] : self._ends[row + 1]])

    def __iter__(self) -> Iterator[Item]:
        return map(self._item, self._parts())

    def _parts(self) -> Iterator[Any]:
        """The part of the content of each row."""
        ends, content, read = np.asarray(self._ends), self._content, 0
        for start in range(0, len(self), TOGETHER):
            rows = np.arange(start, min(start + TOGETHER, len(self)))
            rows = rows if self._rows is None else self._rows[rows]
            firsts, lasts = ends[rows].tolist(), ends[rows + 1].tolist()
            for first, last in zip(firsts, lasts, strict=True):
                yield content[first:last]
            read += lasts[-1] - firsts[0]
            if abs(read) > FORGOTTEN:
                forget(content)
                forget(ends)
                read = 0

    def __len__(self) -> int:
        return len(self._ends) - 1 if self._rows is None else len(self._rows)

    def at(self, rows: NDArray[Any]) -> Any:
        """Some of the rows, by their numbers, without a copy of them."""
        return type(self)(self._content, self._ends, rows if self._rows is None else self._rows[rows])

    @property
    def size(self) -> int:
        """The numbers in all rows of the array."""
        return len(self._content)

    @property
    def lengths(self) -> NDArray[Any]:
        """The size of each row, in small integers."""
        ends, found = np.asarray(self._ends), [np.zeros(0, np.uint8)]
        for start in range(0, len(self), MEASURED):
            end = min(start + MEASURED, len(self))
            rows = np.arange(start, end) if self._rows is None else self._rows[start:end].astype(np.int64)
            found.append(small(ends[rows + 1] - ends[rows]))
            forget(ends)
        return np.concatenate(found)


class TokenRows(Rows[list[int]]):
    """The ids of texts, as lists."""

    def _item(self, part: Any) -> list[int]:
        ids: list[int] = part.tolist()
        return ids


class TextRows(Rows[str]):
    """Texts in UTF-8."""

    def _item(self, part: Any) -> str:
        return bytes(part).decode("utf-8", "surrogatepass")

    def contents(self) -> Iterator[bytes]:
        """The texts as they are kept."""
        return map(bytes, self._parts())


class NewRows:
    """Rows that are collected one by one: in memory or, with `spools`, in files."""

    def __init__(self, dtype: Any, spools: Spools | None = None) -> None:
        self._content, self._ends, self._size = array(np.dtype(dtype).char), array("q", [0]), 0
        self._spools = (spools.new(dtype), spools.new(np.int64)) if spools is not None else None

    @classmethod
    def of_ids(cls, tokenizer: Tokenizer, spools: Spools | None = None) -> NewRows:
        """For ids, in the smallest integers for them."""
        return cls(integer_type(tokenizer.size), spools)

    def append(self, row: Sequence[int] | bytes) -> None:
        """Add a row: its numbers, or their bytes."""
        before = len(self._content)
        if isinstance(row, bytes):
            self._content.frombytes(row)
        else:
            self._content.extend(row)
        self._size += len(self._content) - before
        self._ends.append(self._size)
        if self._spools and len(self._content) > BUFFER:
            self._spill()

    def extend(self, values: NDArray[Any], sizes: NDArray[Any]) -> None:
        """Add rows. values: of all of them, one after the other. sizes: [R], of each."""
        self._content.frombytes(values.astype(self._content.typecode, copy=False).tobytes())
        self._ends.frombytes((np.cumsum(sizes, dtype=np.int64) + self._size).tobytes())
        self._size += len(values)
        if self._spools and len(self._content) > BUFFER:
            self._spill()

    def arrays(self) -> tuple[Any, Any]:
        """The content and the ends, as Rows has them. No row can be added any more."""
        if not self._spools:
            return self._content, self._ends
        self._spill()
        content, ends = (spool.array() for spool in self._spools)
        return content, ends

    def parts(self, name: str) -> list[Parts]:
        """What `write_store` writes of rows in files, under names that `stored_rows` knows."""
        assert self._spools  # they are in files
        self._spill()
        content, ends = self._spools
        return [(name, content.dtype, content.parts()), (f"{name}, ends", ends.dtype, ends.parts())]

    def _spill(self) -> None:
        assert self._spools
        for spool, values in zip(self._spools, (self._content, self._ends), strict=True):
            spool.add(values)
            del values[:]


def stored_rows(store: ArrayStore, name: str) -> tuple[Any, Any]:
    """The content and the ends of rows in a store."""
    return store.arrays[name], store.arrays[f"{name}, ends"]


def contents_of(texts: Iterable[str]) -> Iterator[bytes]:
    """Texts in UTF-8."""
    if isinstance(texts, TextRows):
        return texts.contents()
    return (text.encode("utf-8", "surrogatepass") for text in texts)


def items_at(items: Sequence[Any], rows: NDArray[Any]) -> Sequence[Any]:
    """Some of the items, by their numbers: a tuple, or rows of the same array."""
    return items.at(rows) if isinstance(items, Rows | Coded) else tuple(items[row] for row in rows.tolist())


def lengths_of(rows: Sequence[Sequence[int]] | NDArray[Any]) -> NDArray[Any]:
    """The number of tokens of each text, in small integers, unless the numbers are given."""
    if isinstance(rows, np.ndarray):
        return rows
    return rows.lengths if isinstance(rows, TokenRows) else small(np.fromiter(map(len, rows), np.int64, len(rows)))
