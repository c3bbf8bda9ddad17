"""Some rows of a table of series: their series, times and values, read as the cells of a small table are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.tables.table_file import TableFile
from seqshell.training.data.large_table import LargeTable
from seqshell.training.forecasting.columns import SeriesColumns, find_series_columns
from seqshell.training.forecasting.data import numbers_of_column
from seqshell.training.recipes.settings import DataSettings


@dataclass(frozen=True)
class SeriesTable:
    """A large table of series. settings: with the columns that its first rows show. decimals: the decimal separator of
    each column of values. time, key: the columns that are the time, and the key of the series."""

    table: LargeTable
    settings: DataSettings
    decimals: Mapping[str, str]
    time: tuple[str, ...]
    key: tuple[str, ...]

    @classmethod
    def of(cls, table: LargeTable, settings: DataSettings, found: SeriesColumns) -> SeriesTable:
        """The table whose first rows were found to be `found`."""
        day_first = found.rows.times.day_first if found.rows.times is not None else None
        settings = replace(
            settings,
            time_column=found.time_column,
            series_column=found.series_column,
            columns=found.values,
            day_first=settings.day_first if day_first is None else day_first,
        )
        return cls(table, settings, _decimals(table.beginning, found.values, settings.decimal), found.time, found.key)


@dataclass(frozen=True)
class Block:
    """N rows by series: of each its series, by its place in `names`, its index among the rows that were read, its time
    as a number, or None, and its values [F].

    texts, sizes: the times in UTF-8, and the bytes of each; none without times. notes: about the numbers.
    """

    names: Sequence[str]
    codes: NDArray[np.int64]
    rows: NDArray[np.int64]
    keys: NDArray[np.float64] | None
    values: NDArray[np.float64]
    texts: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def read_block(table: TableFile, series: SeriesTable, *, is_end: bool) -> Block:
    """The series in some rows of a table. is_end: whether they are the last ones, which may lack a time.

    Raises RecipeError as `series_of` does.
    """
    found = find_series_columns(table, series.settings)
    if found.rows.footer and not is_end:
        raise RecipeError(f"{table.where(found.rows.footer[0], (found.time or table.columns)[0])}: the time is missing")
    columns = {
        name: numbers_of_column(table, name, len(found.rows.footer), series.decimals[name]) for name in found.values
    }
    numbers = np.array([column.values for column in columns.values()], np.float64).T
    rows = _joined([each.rows for each in found.rows.series])
    texts = [text.encode() for each in found.rows.series for text in each.times]
    return Block(
        [each.name for each in found.rows.series],
        np.repeat(np.arange(len(found.rows.series)), [len(each.rows) for each in found.rows.series]),
        rows,
        None if found.rows.times is None else np.array(found.rows.times.keys)[rows],
        numbers[rows],
        np.frombuffer(b"".join(texts), np.uint8),
        np.fromiter(map(len, texts), np.int64, len(texts)),
        tuple(f"column {name}: {note}" for name, column in columns.items() for note in column.notes),
    )


def _joined(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.concatenate([np.array(each, np.int64) for each in rows])


def _decimals(first: TableFile, columns: Sequence[str], given: str) -> dict[str, str]:
    """The decimal separator of each column, as the first rows show it."""
    decimals = {}
    for name in columns:
        values = numbers_of_column(first, name, 0, given).values
        try:
            is_point = np.array_equal(numbers_of_column(first, name, 0, ".").values, values, equal_nan=True)
        except RecipeError:
            is_point = False
        decimals[name] = given or ("." if is_point else ",")
    return decimals
