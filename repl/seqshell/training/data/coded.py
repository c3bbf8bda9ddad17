"""Labels and places of many rows, as numbers: texts are made when they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from seqshell.training.data.small_integers import integer_type

COUNTED = 1 << 18  # numbers that are counted together


class Coded(Sequence[str]):
    """Texts by number. numbers: [N]; rows: which of them these are, [R]; None: all."""

    def __init__(self, numbers: NDArray[Any], rows: NDArray[Any] | None = None) -> None:
        self._numbers, self._rows = numbers, rows

    @property
    def numbers(self) -> NDArray[Any]:
        """The number of each text."""
        return self._numbers if self._rows is None else self._numbers[self._rows]

    def _rows_at(self, rows: NDArray[Any]) -> NDArray[Any]:
        return rows if self._rows is None else self._rows[rows]

    @abstractmethod
    def _text(self, number: int) -> str:
        """The text of a number."""

    @abstractmethod
    def at(self, rows: NDArray[Any]) -> Coded:
        """Those of some rows."""

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> Any:
        found = self._numbers[place if self._rows is None else self._rows[place]]
        return list(map(self._text, found.tolist())) if isinstance(place, slice) else self._text(int(found))

    def __len__(self) -> int:
        return len(self._numbers if self._rows is None else self._rows)


class Labels(Coded):
    """Labels. names: by number."""

    def __init__(self, numbers: NDArray[Any], names: Sequence[str], rows: NDArray[Any] | None = None) -> None:
        super().__init__(numbers, rows)
        self.names = tuple(names)

    def _text(self, number: int) -> str:
        return self.names[number]

    def at(self, rows: NDArray[Any]) -> Labels:
        """Those of some rows."""
        return Labels(self._numbers, self.names, self._rows_at(rows))


class Places(Coded):
    """Where rows were read, for messages. place: the place of a row by its number."""

    def __init__(self, numbers: NDArray[Any], place: Callable[[int], str], rows: NDArray[Any] | None = None) -> None:
        super().__init__(numbers, rows)
        self._place = place

    def _text(self, number: int) -> str:
        return self._place(number)

    def at(self, rows: NDArray[Any]) -> Places:
        """Those of some rows."""
        return Places(self._numbers, self._place, self._rows_at(rows))


def numbers_of_labels(labels: Sequence[str], names: Sequence[str]) -> NDArray[Any]:
    """[N]: the place of each label among the names, in small integers."""
    number, dtype = {name: place for place, name in enumerate(names)}, integer_type(len(names))
    if isinstance(labels, Labels):  # some of its names may be of no row
        found: NDArray[Any] = np.array([number.get(name, 0) for name in labels.names], dtype)[labels.numbers]
        return found
    return np.fromiter(map(number.__getitem__, labels), dtype, len(labels))


def label_counts(labels: Sequence[str]) -> dict[str, int]:
    """How often each label occurs; the most frequent ones first, of equally frequent ones in the order of names."""
    if isinstance(labels, Labels):
        counts = counts_of(labels.numbers, len(labels.names)).tolist()
        found = {name: count for name, count in zip(labels.names, counts, strict=True) if count}
    else:
        found = dict(Counter(labels))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def counts_of(numbers: NDArray[Any], size: int) -> NDArray[np.int64]:
    """[size]: how often each number below `size` occurs. Counted in parts: numpy makes large integers of them."""
    counts = np.zeros(size, np.int64)
    for start in range(0, len(numbers), COUNTED):
        counts += np.bincount(numbers[start : start + COUNTED], minlength=size)
    return counts
