"""The rows of a table of series in its bytes, all cells of a block at once: what `read_block` makes of plain cells."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tables.cell_places import CellPlaces, find_cells
from seqshell.core.tables.iso_times import IsoTimes, read_iso
from seqshell.core.tables.numbers import CellFault, is_gap
from seqshell.core.tables.plain_numbers import read_plain
from seqshell.core.tables.series_rows import KEY_SEPARATOR, CellTimes, read_row_times
from seqshell.core.tables.time_columns import ColumnTimes, to_continue
from seqshell.core.tables.time_parts import SAMPLE as LOOKED_AT
from seqshell.core.tables.time_parts import find_time_columns
from seqshell.training.forecasting.blocks import Block, SeriesTable
from seqshell.training.forecasting.data import MAX_VALUE

CELLS = 1 << 15  # numbers that are read together
_PLAIN = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_PLAIN_CELLS = re.compile(rb"%b(?:\n%b)*+" % (_PLAIN.pattern, _PLAIN.pattern))
_MIXED = np.uint64(0x9E3779B97F4A7C15)  # 2 ** 64 divided by the golden ratio, which is odd


class Unusual(Exception):
    """Rows that `read_block` has to read."""


# Gives the texts of rows by series, and the bytes of each. The second argument: where series but the first begin.
Texts = Callable[[NDArray[np.int64], NDArray[np.int64]], tuple[NDArray[np.uint8], NDArray[np.int64]]]


@dataclass(frozen=True)
class PlainReader:
    """Reads blocks of whole lines of a table."""

    series: SeriesTable

    def __call__(self, lines: bytes) -> Block | None:
        """The rows of the lines; None if they have to be read in another way."""
        table = self.series.table
        if b'"' in lines and table.beginning.delimiter == "\t" and not table.is_quoted:
            return None
        cells = find_cells(lines, table.beginning.delimiter)
        try:
            return self._block(cells) if cells is not None else None
        except Unusual:
            return None

    def _block(self, cells: CellPlaces) -> Block:
        columns, first = self.series.table.beginning.columns, self.series.table.shift
        last = first + len(columns)
        sizes = cells.ends - cells.starts
        if sizes.shape[1] < last or sizes[:, last:].any():
            raise Unusual
        places = {name: first + place for place, name in enumerate(columns)}
        values, notes = self._values(cells, [places[name] for name in self.series.decimals])
        keys, texts = self._times(cells, [places[name] for name in self.series.time])
        if keys is None and np.isnan(values).all(1).any():
            raise Unusual  # it may be blank
        names, codes = self._series(cells, [places[name] for name in self.series.key])
        order = self._order(codes if len(names) > 1 else None, keys)
        if order is not None:
            codes, values, keys = codes[order], values[order], None if keys is None else keys[order]
        begins = np.flatnonzero(np.diff(codes)) + 1 if len(names) > 1 else np.zeros(0, np.int64)
        order = np.arange(len(values)) if order is None else order
        return Block(names, codes, order, keys, values, *texts(order, begins), notes)

    def _order(self, codes: NDArray[np.int64] | None, keys: NDArray[np.float64] | None) -> NDArray[np.int64] | None:
        """The rows by series, if there are several, and time; None if they are in this order.

        Raises Unusual for equal times, and if a key might be found.
        """
        order = None if codes is None or (np.diff(codes) >= 0).all() else np.argsort(codes, kind="stable")
        if keys is None:
            return order

        def steps() -> NDArray[np.float64]:
            """To the next row, where it is of the same series."""
            steps: NDArray[np.float64] = np.diff(keys if order is None else keys[order])
            return steps if codes is None else steps[np.diff(codes if order is None else codes[order]) == 0]

        if (steps() > 0).all():
            return order
        others = len(self.series.table.beginning.columns) - len(self.series.time) - len(self.series.decimals)
        if not self.series.key and others:
            raise Unusual
        order = np.argsort(keys) if codes is None else np.lexsort((keys, codes))
        if (steps() == 0).any():
            raise Unusual
        return order

    def _values(self, cells: CellPlaces, places: Sequence[int]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """The values [N, F] of columns, and notes about them."""
        found = np.empty((len(cells), len(places)))
        decimals = list(self.series.decimals.values())
        for decimal in dict.fromkeys(decimals):
            chosen = [number for number, each in enumerate(decimals) if each == decimal]
            of = slice(None) if len(chosen) == len(places) else chosen
            columns = np.array(places)[chosen]
            step = max(1, CELLS // len(columns))
            for start in range(0, len(cells), step):
                rows = slice(start, start + step)
                starts, ends = (np.take(each[rows], columns, 1).ravel() for each in (cells.starts, cells.ends))
                found[rows, of] = _numbers(cells.content, starts, ends, decimal).reshape(-1, len(columns))
        notes = []
        if "," in decimals:
            commas = np.flatnonzero(cells.content == ord(","))
            number = np.searchsorted(cells.starts.ravel(), commas, "right") - 1
            is_inside = commas < cells.ends.ravel()[number]
            with_commas = set((number[is_inside] % cells.starts.shape[1]).tolist())
            for (name, decimal), place in zip(self.series.decimals.items(), places, strict=True):
                if decimal == "," and place in with_commas:
                    notes.append(f"column {name}: decimal comma")
        return found, tuple(notes)

    def _times(self, cells: CellPlaces, places: Sequence[int]) -> tuple[NDArray[np.float64] | None, Texts]:
        """The times as numbers, and what gives their texts."""
        if not places:
            self._check_others(cells)
            return None, lambda order, begins: (np.zeros(0, np.uint8), np.zeros(0, np.int64))
        matrix = cells.matrix(places[0]) if len(places) == 1 else None
        if matrix is not None and (iso := read_iso(matrix)) is not None:
            return iso.keys, partial(_iso_texts, iso)
        settings = self.series.settings
        columns = dict(zip(self.series.time, map(cells.texts, places), strict=True))
        try:
            read = read_row_times(
                columns, self.series.time, settings.day_first if isinstance(settings.day_first, bool) else None
            )
        except CellFault:
            raise Unusual from None
        if read.times is None or read.footer:
            raise Unusual
        return np.array(read.times.keys), partial(_texts, read, read.times)

    def _check_others(self, cells: CellPlaces) -> None:
        """Raise Unusual if one of the other columns might be a time."""
        known, first = {*self.series.decimals, *self.series.key}, self.series.table.shift
        others = {
            name: cells.texts(first + place, slice(LOOKED_AT))
            for place, name in enumerate(self.series.table.beginning.columns)
            if name not in known
        }
        if find_time_columns(others):
            raise Unusual

    def _series(self, cells: CellPlaces, places: Sequence[int]) -> tuple[list[str], NDArray[np.int64]]:
        """The names of the series in the order in which they begin, and the number of each row's."""
        if not places:
            return [""], np.zeros(len(cells), np.int64)
        firsts, groups = _groups(cells, places)
        names: dict[str, int] = {}
        of_group = np.empty(len(firsts), np.int64)
        for group in np.argsort(firsts).tolist():
            row = int(firsts[group])
            name = KEY_SEPARATOR.join(cells.text(row, place).strip() for place in places)
            of_group[group] = names.setdefault(name, len(names))
        return list(names), of_group[groups]


def _iso_texts(
    times: IsoTimes, order: NDArray[np.int64], begins: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts of times in ISO 8601."""
    if times.texts is times.cells:
        return times.cells[order].ravel(), np.full(len(order), times.cells.shape[1], np.int64)
    found = [times.to_continue(rows) for rows in np.split(order, begins)]
    sizes = [np.full(len(each), each.shape[1], np.int64) for each in found]
    return np.concatenate([each.ravel() for each in found]), np.concatenate(sizes)


def _texts(
    read: CellTimes, times: ColumnTimes, order: NDArray[np.int64], begins: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts of other times."""
    found: list[bytes] = []
    for part in np.split(order, begins):
        rows = part.tolist()
        chosen = ColumnTimes((), tuple([times.texts[row] for row in rows]), times.unit, times.day_first)
        found += (text.encode() for text in to_continue(read.name, [read.texts[row] for row in rows], chosen))
    return np.frombuffer(b"".join(found), np.uint8), np.fromiter(map(len, found), np.int64, len(found))


def _groups(cells: CellPlaces, places: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows with equal cells in these columns: the first row of each group, and the group of each row."""
    words = [word for place in places for word in cells.words(place)]
    mixed = words[0]
    for word in words[1:]:
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIXED + word
    _, firsts, groups = np.unique(mixed, return_index=True, return_inverse=True)
    if any((word != word[firsts][groups]).any() for word in words):
        raise Unusual  # two keys have the same hash
    return firsts, groups


def _numbers(
    content: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], decimal: str
) -> NDArray[np.float64]:
    """The numbers in cells; NaN for gaps. Raises Unusual for other cells."""
    values, is_odd = read_plain(content, starts, ends, decimal)
    if not is_odd.any():
        return values
    values[starts == ends] = np.nan
    places = np.flatnonzero(is_odd & (starts < ends))
    if not len(places):
        return values
    first = int(starts[0])
    text = content[first : ends[-1]].tobytes()
    ranges = zip((starts[places] - first).tolist(), (ends[places] - first).tolist(), strict=True)
    cells = [text[start:end].strip() for start, end in ranges]
    if decimal == "." and _PLAIN_CELLS.fullmatch(b"\n".join(cells)):
        found = np.array(list(map(float, cells))) + 0.0
        if not (np.abs(found) <= MAX_VALUE).all():
            raise Unusual
        values[places] = found
    else:
        values[places] = [_number(cell, decimal.encode()) for cell in cells]
    return values


def _number(cell: bytes, decimal: bytes) -> float:
    """The number in a cell; NaN for a gap. Raises Unusual for another one."""
    if _PLAIN.fullmatch(cell if decimal == b"." else cell.replace(b".", b"x").replace(decimal, b".")):
        value = float(cell.replace(decimal, b".")) + 0.0
        if abs(value) > MAX_VALUE:
            raise Unusual
        return value
    if not is_gap(cell.decode()):
        raise Unusual
    return math.nan
