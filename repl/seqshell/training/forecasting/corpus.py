"""The series of a large table: read part by part, sorted, and kept in a file as numbers.

Each part is read as a small table is, with the columns that the first rows show.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.named_files import named_path
from seqshell.core.tables.table_file import TableFile
from seqshell.core.tables.time_parts import split_names
from seqshell.core.text_output import quoted, readable
from seqshell.host import Registry
from seqshell.training.data.array_store import (
    ArrayStore,
    Spool,
    Spools,
    array_parts,
    check_room,
    forget,
    write_store,
    written_once,
)
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.large_table import LargeTable, large_table
from seqshell.training.data.large_text import is_large
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.data.python_data import NOT_FILES
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.store_paths import store_path
from seqshell.training.data.token_rows import NewRows, TextRows, stored_rows
from seqshell.training.forecasting.columns import describe_left_out, find_series_columns
from seqshell.training.forecasting.data import (
    SeriesData,
    SeriesPart,
    filled_or_refused,
    numbers_of_column,
    read_series,
    series_of,
)
from seqshell.training.preparation_progress import Stages, silent
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.recipes.settings import DataSettings

TOGETHER = 50_000  # rows that are read as one table
GATHERED = 1 << 16  # rows that are sorted into the file together
FORGOTTEN = 16  # times as many rows are read before they are left to the system
COPIES = 2  # bytes of numbers and times in the file, for each byte of the table, at most about


def read_recipe_series(recipe: Recipe) -> SeriesData:
    """The series of a recipe. Raises RecipeError as `read_series` does."""
    large = large_series(recipe)
    return read_series(recipe.data, recipe.folder) if large is None else large.read()


def first_series(recipe: Recipe) -> tuple[SeriesData, float]:
    """The series of a recipe, and 1; of a large table, those of its first rows, and how many times as long it is."""
    large = large_series(recipe)
    if large is None:
        return read_series(recipe.data, recipe.folder), 1.0
    return series_of(large.table.beginning, recipe.data), large.table.times_longer


def encoding(recipe: Recipe, registry: Registry) -> Callable[[Stages], None] | None:
    """What reads the series of a recipe into their file, which may take minutes; None if they are short."""
    large = large_series(recipe)
    return large.encode if large is not None else None


def large_series(recipe: Recipe) -> LargeSeries | None:
    """The series of a recipe in a large table; None for any others."""
    data = recipe.data
    if not data.table or isinstance(data.table, PluginData) or data.table.startswith(NOT_FILES):
        return None
    path = named_path(data.table, recipe.folder, RecipeError)
    if not is_large(path):
        return None
    wanted = (*split_names(data.time_column, ()), *split_names(data.series_column, ()), *data.columns)
    table = large_table(path, FileFormat.of(data), wanted)
    return None if table is None else LargeSeries(recipe, table)


@dataclass(frozen=True)
class LargeSeries:
    """The series of a recipe in a large table."""

    recipe: Recipe
    table: LargeTable

    def read(self) -> SeriesData:
        """The series in the file, which is written if it is missing."""
        for _ in range(2):
            self.encode(silent)
            if (store := ArrayStore.open(self.path)) is not None:
                return self._of(store)
        raise RecipeError(f"{self.path} was removed while it was read; train again")

    def encode(self, stages: Stages) -> None:
        """Write the file, unless it is there."""
        self.table.text.facts(stages(f"reading {self.table.text.name}"))
        waiting = stages("waiting for another training")
        written_once(self.path, lambda: self._write(stages), lambda: waiting(0, 1))

    @cached_property
    def path(self) -> Path:
        """The file."""
        data, name = self.recipe.data, self.table.text.path.name
        layout = (data.encoding, data.header, data.time_column, data.series_column, *data.columns)
        rules = data.fill, data.decimal, data.day_first
        return store_path(self.recipe, name, text=self.table.text.facts().sha256, layout=layout, rules=rules)

    def _write(self, stages: Stages) -> None:
        text = self.table.text
        check_room(self.path, 2 * COPIES * text.size)
        found = find_series_columns(self.table.beginning, self.recipe.data)
        if not found.values:
            raise RecipeError(f"{text.path.name}, row 1: no column of numbers besides the time")
        day_first = found.rows.times.day_first if found.rows.times is not None else None
        settings = replace(
            self.recipe.data,
            time_column=found.time_column,
            series_column=found.series_column,
            columns=found.values,
            day_first=self.recipe.data.day_first if day_first is None else day_first,
        )
        with Spools(self.path.parent) as spools:
            times, values = NewRows(np.uint8, spools), spools.new(np.float64)
            rows, decimals = _Rows(array("I"), array("d"), array("q"), {}), self._decimals(found.values)
            marks = dict[str, None]()
            for table in self._tables(stages):
                marks |= dict.fromkeys(_add(table, settings, decimals, rows, values, times))
            order = rows.order(text.path.name)
            sizes = np.bincount(np.frombuffer(rows.codes, np.uint32), minlength=len(rows.names))
            numbers = values.array().reshape(-1, len(found.values))
            notes = (*self.table.beginning.notes, *describe_left_out(found.left_out), *marks)
            if order is not None:
                notes = (*notes, "rows were not in order of series and time; they are sorted")
            filled = self._filled(numbers, order, sizes, rows, spools, found.values)
            facts = {
                "columns": found.values,
                "names": list(rows.names),
                "sizes": filled.sizes,
                "firsts": filled.firsts,
                "time_column": found.time_column,
                "series_column": found.series_column,
                "day_first": day_first,
                "understood": (
                    f"{readable(text.size)}; of its first rows: {found.understood}",
                    *notes,
                    *filled.notes,
                ),
            }
            dtype = integer_type(len(numbers))
            places = np.arange(len(numbers), dtype=dtype) if order is None else order.astype(dtype)
            write_store(
                self.path,
                [
                    ("values", np.float64, filled.values.parts()),
                    *times.parts("times"),
                    array_parts("order", places),
                ],
                facts,
            )

    def _decimals(self, columns: Sequence[str]) -> dict[str, str]:
        """The decimal separator of each column, as the first rows show it."""
        first, given = self.table.beginning, self.recipe.data.decimal
        decimals = {}
        for name in columns:
            values = numbers_of_column(first, name, 0, given).values
            try:
                is_point = np.array_equal(numbers_of_column(first, name, 0, ".").values, values, equal_nan=True)
            except RecipeError:
                is_point = False
            decimals[name] = given or ("." if is_point else ",")
        return decimals

    def _tables(self, stages: Stages) -> Iterator[TableFile]:
        """The table in parts."""
        found = self.table.rows(stages(f"reading the rows of {self.table.text.name}"))
        while some := list(islice(found, TOGETHER)):
            numbers, rows = zip(*some, strict=True)
            yield replace(self.table.beginning, rows=rows, numbers=numbers)

    def _filled(
        self,
        numbers: NDArray[Any],
        order: NDArray[np.int64] | None,
        sizes: NDArray[Any],
        rows: _Rows,
        spools: Spools,
        columns: Sequence[str],
    ) -> _Filled:
        """The values of each series, oldest first, with their gaps filled."""
        out, kept_sizes, firsts, notes, start = spools.new(np.float64), list[int](), list[int](), list[str](), 0
        for name, size in zip(rows.names, sizes.tolist(), strict=True):
            kept, note = range(size), ""
            blocks = list(range(start, start + size, GATHERED))

            def block(first: int, end: int = start + size) -> NDArray[Any]:
                places = slice(first, min(first + GATHERED, end))
                if first % (FORGOTTEN * GATHERED) == 0:
                    forget(numbers)
                return numbers[places] if order is None else numbers[order[places]]

            if any(np.isnan(block(first)).any() for first in blocks):
                whole = np.concatenate([block(first) for first in blocks])
                places = np.arange(start, start + size) if order is None else order[start : start + size]
                filled = filled_or_refused(
                    whole,
                    self.recipe.data.fill,
                    self.table.text.path.name,
                    f" in the series {name}" if name else "",
                    np.frombuffer(rows.numbers, np.int64)[places],  # type: ignore[arg-type]  # a sequence
                    columns,
                )
                kept, note = filled.kept, filled.note
                out.add(np.ascontiguousarray(filled.values).tobytes())
            else:
                for first in blocks:
                    out.add(np.ascontiguousarray(block(first)).tobytes())
            kept_sizes.append(len(kept))
            firsts.append(start + kept.start)
            if note:
                notes.append(f"{note}{f' in the series {name}' if name else ''} (--set data.fill=none to refuse)")
            start += size
        return _Filled(out, kept_sizes, firsts, notes[:3])

    def _of(self, store: ArrayStore) -> SeriesData:
        """What a store has."""
        facts, columns = store.facts, tuple(store.facts["columns"])
        values = store.arrays["values"].reshape(-1, len(columns))
        content, ends = stored_rows(store, "times")
        parts, start = [], 0
        for name, size, first in zip(facts["names"], facts["sizes"], facts["firsts"], strict=True):
            rows = store.arrays["order"][first : first + size]
            times = TextRows(content, ends, rows) if len(ends) > 1 else ()
            parts.append(SeriesPart(name, values[start : start + size], times))
            start += size
        return SeriesData(
            self.table.text.path.name,
            self.table.text.facts().sha256,
            columns,
            tuple(parts),
            facts["time_column"],
            facts["series_column"],
            facts["day_first"],
            tuple(facts["understood"]),
            is_stored=True,
        )


@dataclass(frozen=True)
class _Filled:
    """Values in a file; the size and the first place of each series; notes about gaps."""

    values: Spool
    sizes: list[int]
    firsts: list[int]
    notes: list[str]


@dataclass(frozen=True)
class _Rows:
    """Of each row: the number of its series, its time as a number, and its number in the file. names: of series."""

    codes: array[int]
    keys: array[float]
    numbers: array[int]
    names: dict[str, int]

    def order(self, name: str) -> NDArray[np.int64] | None:
        """The rows by series and time; None if they are in this order. Raises RecipeError for equal times."""
        codes, keys = np.frombuffer(self.codes, np.uint32), np.frombuffer(self.keys, np.float64)
        same = codes[1:] == codes[:-1]
        if bool(((codes[1:] > codes[:-1]) | (same & (keys[1:] > keys[:-1]))).all()):
            return None
        order = np.lexsort((keys, codes))
        equal = (codes[order[1:]] == codes[order[:-1]]) & (keys[order[1:]] == keys[order[:-1]])
        if equal.any():
            place = int(np.flatnonzero(equal)[0])
            first, second = sorted(self.numbers[row] for row in order[place : place + 2].tolist())
            series = list(self.names)[int(codes[order[place]])]
            what = f" of the series {quoted(series)}" if series else ""
            raise RecipeError(f"{name}: rows {first} and {second}{what} have the same time; remove one of them")
        return order


def _add(
    table: TableFile, settings: DataSettings, decimals: Mapping[str, str], rows: _Rows, values: Spool, times: NewRows
) -> tuple[str, ...]:
    """Add the rows of a part of a table; returns notes about its numbers."""
    found = find_series_columns(table, settings)
    if found.rows.footer and len(table.rows) == TOGETHER:
        raise RecipeError(f"{table.where(found.rows.footer[0], (found.time or table.columns)[0])}: the time is missing")
    columns = {name: numbers_of_column(table, name, len(found.rows.footer), decimals[name]) for name in found.values}
    numbers = np.array([column.values for column in columns.values()], np.float64).T
    keys = None if found.rows.times is None else np.array(found.rows.times.keys)
    row_numbers = np.array(table.numbers, np.int64)
    for series in found.rows.series:
        code, of_series = rows.names.setdefault(series.name, len(rows.names)), np.array(series.rows)
        rows.codes.frombytes(np.full(len(of_series), code, np.uint32).tobytes())
        in_order = len(rows.keys) + np.arange(len(of_series), dtype=np.float64)
        rows.keys.frombytes((in_order if keys is None else keys[of_series]).tobytes())
        rows.numbers.frombytes(row_numbers[of_series].tobytes())
        values.add(numbers[of_series].tobytes())
        times.extend_texts([text.encode() for text in series.times])
    return tuple(f"column {name}: {note}" for name, column in columns.items() for note in column.notes)
