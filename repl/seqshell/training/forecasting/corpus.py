"""The series of a large table: read in blocks, sorted, and kept in a file as numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.gaps import Gaps
from seqshell.core.named_files import named_path
from seqshell.core.tables.time_parts import split_names
from seqshell.core.text_output import readable
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
from seqshell.training.data.token_rows import TextRows, stored_rows
from seqshell.training.forecasting.block_reading import read_blocks
from seqshell.training.forecasting.blocks import SeriesTable
from seqshell.training.forecasting.collected_rows import CollectedRows
from seqshell.training.forecasting.columns import describe_left_out, find_series_columns
from seqshell.training.forecasting.data import (
    SeriesData,
    SeriesPart,
    read_series,
    rows_without_gaps,
    series_of,
)
from seqshell.training.preparation_progress import Stages, silent
from seqshell.training.recipes.recipe import Recipe

GATHERED = 1 << 19  # values that are sorted into the file together
FORGOTTEN = 16  # times as many values are read before they are left to the system
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
        with Spools(self.path.parent) as spools:
            rows = CollectedRows(spools)
            series = SeriesTable.of(self.table, self.recipe.data, found)
            for block, places in read_blocks(series, stages(f"reading the rows of {text.name}")):
                rows.add(block, places)
            order = rows.order(text.path.name)
            numbers = rows.values.array().reshape(-1, len(found.values))
            notes = (*self.table.beginning.notes, *describe_left_out(found.left_out), *rows.notes)
            if order is not None:
                notes = (*notes, "rows were not in order of series and time; they are sorted")
            filled = self._filled(numbers, order, rows, spools, found.values)
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
                    *rows.times.parts("times"),
                    array_parts("order", places),
                ],
                facts,
            )

    def _filled(
        self,
        numbers: NDArray[Any],
        order: NDArray[np.int64] | None,
        rows: CollectedRows,
        spools: Spools,
        columns: Sequence[str],
    ) -> _Filled:
        """The values of each series, oldest first, with their gaps filled."""
        starts = np.cumsum([0, *rows.sizes])[:-1].tolist()
        if order is None and not rows.has_gaps:
            return _Filled(rows.values, rows.sizes, starts, [])
        out = spools.new(np.float64)
        if order is not None and not rows.has_gaps:
            for values in _in_blocks(numbers, order):
                out.add(values)
            return _Filled(out, rows.sizes, starts, [])
        table, rule = self.table.text.path.name, self.recipe.data.fill
        sizes, firsts, notes = list[int](), list[int](), list[str]()
        for name, start, size in zip(rows.names, starts, rows.sizes, strict=True):
            places = range(start, start + size) if order is None else order[start : start + size]
            series = f" in the series {name}" if name else ""
            gaps = Gaps(_in_blocks(numbers, places))
            kept, note = rows_without_gaps(gaps, rule, table, series, places, rows.numbers, columns)
            for values in gaps.filled(_in_blocks(numbers, places), rule, kept):
                out.add(np.ascontiguousarray(values))
            sizes.append(len(kept))
            firsts.append(start + kept.start)
            if note:
                notes.append(f"{note}{series} (--set data.fill=none to refuse)")
        return _Filled(out, sizes, firsts, notes[:3])

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


def _in_blocks(numbers: NDArray[Any], rows: Sequence[int] | NDArray[np.int64]) -> Iterator[NDArray[Any]]:
    """The numbers [N, F] of some rows."""
    step = max(1, GATHERED // numbers.shape[1])
    for count, start in enumerate(range(0, len(rows), step)):
        some = rows[start : start + step]
        yield numbers[some.start : some.stop] if isinstance(some, range) else numbers[some]
        if count % FORGOTTEN == FORGOTTEN - 1:
            forget(numbers)
