"""Gaps in series: runs of missing values are counted, and filled by a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from seqshell.core.text_output import counted

Numbers = NDArray[np.float64]

SHORT = 3  # missing values in a row that the rule "short" fills
MOST_LENGTHS = 4  # different lengths of runs in a message
_NONE = -1  # instead of a row


@dataclass(frozen=True)
class Run:
    """Missing values in a row: of column `column`, the rows from `start` to before `stop`."""

    column: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def describe_runs(lengths: Counter[int]) -> str:
    """How many values are missing, and in how long runs: "12 values are missing, in 3 runs of 1, 1 and 10 rows"

    lengths: how many runs there are of each length.
    """
    number = sum(length * many for length, many in lengths.items())
    missing = f"{counted(number, 'value')} {'is' if number == 1 else 'are'} missing"
    if number == 1:
        return missing
    shortest, longest, num_runs = min(lengths), max(lengths), lengths.total()
    if longest == 1:
        return f"{number:,} single values are missing"
    if num_runs <= MOST_LENGTHS:
        *first, last = map(str, sorted(lengths.elements()))
        return f"{missing}, in {counted(num_runs, 'run')} of {' and '.join(filter(None, (', '.join(first), last)))}"
    return f"{missing}, in {num_runs:,} runs of {shortest} to {longest}"


class GapFault(ValueError):
    """A gap that the rule refuses. row, column: where the longest begins. description: of all gaps, in words."""

    def __init__(self, run: Run, description: str) -> None:
        super().__init__(description)
        self.row, self.column, self.length = run.start, run.column, len(run)
        self.description = description


@dataclass(frozen=True)
class Filled:
    """values: without NaN, of the rows in `kept`. note: what was done."""

    values: Numbers
    kept: range
    note: str = ""


def fill_gaps(values: Numbers, rule: str) -> Filled:
    """Fill the gaps of values [N, F] by a rule of `data.fill`. Raises GapFault for gaps that the rule refuses.

    short: up to 3 rows, on a straight line; where values are missing at either end, up to 3 rows are left out. linear:
    all gaps, on a straight line; at the ends the nearest value. previous: all gaps, with the value before; at the
    beginning the first value. none: no gaps. A column without a value leaves no row.
    """
    gaps = Gaps([values])
    kept, note = gaps.kept(rule)
    return Filled(next(gaps.filled([values], rule, kept), values[:0]), kept, note)


class Gaps:
    """The gaps of values [N, F], which come in blocks of rows.

    longest: the first of the longest runs. lengths: how many runs there are of each length. whole: the rows from the
    first to the last that has all its values. between: how many runs of each length begin in them.
    """

    def __init__(self, blocks: Iterable[Numbers]) -> None:
        self.longest, self.whole, self._size = Run(0, 0, 0), range(0), 0
        self.lengths, self.between, self._after = Counter[int](), Counter[int](), Counter[int]()
        self._firsts, self._lasts = list[_Known](), list[_Known]()  # of each block
        begun = np.zeros(0, np.int64)
        for values in blocks:
            begun = self._add(values, begun if self._size else np.full(values.shape[1], _NONE))
        for column in np.flatnonzero(begun != _NONE).tolist():
            self._count(column, begun[column : column + 1], np.array([self._size]))

    def kept(self, rule: str) -> tuple[range, str]:
        """The rows that stay, and a note about what the rule does. Raises GapFault as `fill_gaps` does."""
        if not self.lengths:
            return range(self._size), ""
        if rule == "none" or (rule == "short" and len(self.longest) > SHORT):
            raise GapFault(self.longest, describe_runs(self.lengths))
        kept, inside = self.whole, self.between
        if rule != "short":
            has_values = np.any([known.rows != _NONE for known in self._lasts], 0).all()
            kept, inside = (range(self._size), self.lengths) if has_values else (range(0), Counter())
        ends = self._size - len(kept)
        notes = [f"{counted(ends, 'row')} at the ends left out: values are missing"] if ends else []
        if inside:
            how = "with the value before" if rule == "previous" else "on a straight line"
            notes.append(f"{describe_runs(inside)}; filled {how}")
        return kept, "; ".join(notes)

    def filled(self, blocks: Iterable[Numbers], rule: str, kept: range) -> Iterator[Numbers]:
        """The values of the same blocks in the rows that stay, without NaN."""
        before = [None, *accumulate(self._lasts, _Known.or_else)]
        after = [*accumulate(reversed(self._firsts), _Known.or_else)][-2::-1]
        first = 0
        for values, *around in zip(blocks, before, [*after, None], strict=False):
            rows = slice(*(min(max(0, end - first), len(values)) for end in (kept.start, kept.stop)))
            if rows.start < rows.stop:
                yield _filled(values, first, rule, [known for known in around if known is not None])[rows]
            first += len(values)

    def _add(self, values: Numbers, begun: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add the next rows. begun: where a run begins that goes on, in each column; returns those of the next rows."""
        if not len(values):
            return begun
        missing, rows = np.isnan(values), np.arange(self._size, self._size + len(values))
        self._size += len(values)
        self._firsts.append(_Known.first(values, missing, rows))
        self._lasts.append(_Known.first(values[::-1], missing[::-1], rows[::-1]))
        whole = rows[~missing.any(1)]
        if len(whole):
            self.between += self._after if self.whole else Counter()
            self._after.clear()
            self.whole = range(self.whole.start if self.whole else int(whole[0]), int(whole[-1]) + 1)
        begun = begun.copy()
        for column in np.flatnonzero(missing.any(0) | (begun != _NONE)).tolist():
            steps = np.diff(missing[:, column].astype(np.int8), prepend=np.int8(begun[column] != _NONE))
            starts, stops = (rows[steps == step] for step in (1, -1))
            if begun[column] != _NONE:
                starts = np.concatenate((begun[column : column + 1], starts))
            begun[column] = starts[-1] if len(starts) > len(stops) else _NONE
            self._count(column, starts[: len(stops)], stops)
        return begun

    def _count(self, column: int, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
        """Count runs of a column that end."""
        if not len(stops):
            return
        lengths = stops - starts
        self.lengths += _counter(lengths)
        self.between += _counter(lengths[(starts >= self.whole.start) & (starts < self.whole.stop)])
        self._after += _counter(lengths[starts >= self.whole.stop])
        place = int(lengths.argmax())
        run = Run(column, int(starts[place]), int(stops[place]))
        self.longest = max(self.longest, run, key=lambda each: (len(each), -each.start, -each.column))


@dataclass(frozen=True)
class _Known:
    """A value of each column [F] that is not missing, and its row, or _NONE."""

    rows: NDArray[np.int64]
    values: Numbers

    @classmethod
    def first(cls, values: Numbers, missing: NDArray[np.bool_], rows: NDArray[np.int64]) -> _Known:
        """The first ones in some rows."""
        places = missing.argmin(0)
        return cls(np.where(missing.all(0), _NONE, rows[places]), values[places, np.arange(len(places))])

    def or_else(self, others: _Known) -> _Known:
        """The others, and these where there is no other."""
        is_none = others.rows == _NONE
        return _Known(np.where(is_none, self.rows, others.rows), np.where(is_none, self.values, others.values))


def _filled(values: Numbers, first: int, rule: str, around: Sequence[_Known]) -> Numbers:
    """values [N, F] without NaN. first: the first row. around: what is known above and below."""
    missing = np.isnan(values)
    filled, rows = values.copy() if missing.any() else values, np.arange(first, first + len(values))
    for column in np.flatnonzero(missing.any(0)).tolist():
        is_here = ~missing[:, column]
        others = [each for each in around if each.rows[column] != _NONE]
        known = np.concatenate((rows[is_here], np.array([each.rows[column] for each in others], np.int64)))
        numbers = np.concatenate((values[is_here, column], [each.values[column] for each in others]))
        order = np.argsort(known, kind="stable")
        known, numbers = known[order], numbers[order]
        if rule == "previous":
            filled[:, column] = numbers[np.maximum(np.searchsorted(known, rows, "right") - 1, 0)]
        else:
            filled[:, column] = np.interp(rows, known, numbers)
    return filled


def _counter(lengths: NDArray[np.int64]) -> Counter[int]:
    found, numbers = np.unique(lengths, return_counts=True)
    return Counter(dict(zip(found.tolist(), numbers.tolist(), strict=True)))
