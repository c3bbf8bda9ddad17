"""Labels and places of many rows, as numbers: texts are made when they are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


class Coded(Sequence[str]):
    """Texts by number. numbers: [N]."""

    def __init__(self, numbers: NDArray[Any]) -> None:
        self.numbers = numbers

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
        found = self.numbers[place]
        return list(map(self._text, found.tolist())) if isinstance(place, slice) else self._text(int(found))

    def __len__(self) -> int:
        return len(self.numbers)


class Labels(Coded):
    """Labels. names: by number."""

    def __init__(self, numbers: NDArray[Any], names: Sequence[str]) -> None:
        super().__init__(numbers)
        self.names = tuple(names)

    def _text(self, number: int) -> str:
        return self.names[number]

    def at(self, rows: NDArray[Any]) -> Labels:
        """Those of some rows."""
        return Labels(self.numbers[rows], self.names)


class Places(Coded):
    """Cells of a column, for messages. numbers: of the rows."""

    def __init__(self, numbers: NDArray[Any], name: str, column: str) -> None:
        super().__init__(numbers)
        self.name, self.column = name, column

    def _text(self, number: int) -> str:
        return f"{self.name}, row {number}, column {self.column}"

    def at(self, rows: NDArray[Any]) -> Places:
        """Those of some rows."""
        return Places(self.numbers[rows], self.name, self.column)


def numbers_of_labels(labels: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """[N]: the place of each label among the names."""
    number = {name: place for place, name in enumerate(names)}
    if isinstance(labels, Labels):  # some of its names may be of no row
        found: NDArray[np.int64] = np.array([number.get(name, -1) for name in labels.names])[labels.numbers]
        return found
    return np.fromiter(map(number.__getitem__, labels), np.int64, len(labels))
