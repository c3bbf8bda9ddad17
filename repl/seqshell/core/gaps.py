"""Gaps in series: runs of missing values are counted, and filled by a rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqshell.core.text_output import counted

Numbers = NDArray[np.float64]

SHORT = 3  # missing values in a row that the rule "short" fills
MOST_LENGTHS = 4  # different lengths of runs in a message


@dataclass(frozen=True)
class Run:
    """Missing values in a row: of column `column`, the rows from `start` to before `stop`."""

    column: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def runs_of_gaps(values: Numbers) -> list[Run]:
    """The runs of NaN in each column of values [N, F], by row."""
    return sorted(_runs(values), key=lambda run: (run.start, run.column))


def describe_runs(runs: list[Run]) -> str:
    """How many values are missing, and in how long runs: "12 values are missing, in 3 runs of 1, 1 and 10 rows"."""
    number = sum(map(len, runs))
    missing = f"{counted(number, 'value')} {'is' if number == 1 else 'are'} missing"
    if number == 1:
        return missing
    lengths = sorted(map(len, runs))
    if lengths[-1] == 1:
        return f"{number:,} single values are missing"
    if len(lengths) <= MOST_LENGTHS:
        *first, last = map(str, lengths)
        return f"{missing}, in {counted(len(runs), 'run')} of {' and '.join(filter(None, (', '.join(first), last)))}"
    return f"{missing}, in {len(runs):,} runs of {lengths[0]} to {lengths[-1]}"


class GapFault(ValueError):
    """A gap that the rule refuses. row, column: where the longest begins. description: of all gaps, in words."""

    def __init__(self, run: Run, description: str) -> None:
        super().__init__(description)
        self.row, self.column, self.length = run.start, run.column, len(run)
        self.description = description


@dataclass(frozen=True)
class Filled:
    """values: without NaN, of the rows in `kept`. runs: the gaps that were filled or left out. note: what was done."""

    values: Numbers
    kept: range
    runs: tuple[Run, ...] = ()
    note: str = ""


def fill_gaps(values: Numbers, rule: str) -> Filled:
    """Fill the gaps of values [N, F] by a rule of `data.fill`. Raises GapFault for gaps that the rule refuses.

    short: up to 3 rows, on a straight line; where values are missing at either end, up to 3 rows are left out. linear:
    all gaps, on a straight line; at the ends the nearest value. previous: all gaps, with the value before; at the
    beginning the first value. none: no gaps. A column without a value leaves no row.
    """
    runs = runs_of_gaps(values)
    if not runs:
        return Filled(values, range(len(values)))
    longest = max(runs, key=len)
    if rule == "none" or (rule == "short" and len(longest) > SHORT):
        raise GapFault(longest, describe_runs(runs))
    kept = _between(values) if rule == "short" else range(0 if np.isnan(values).all(0).any() else len(values))
    ends = len(values) - len(kept)
    inside = [run for run in runs if run.start < kept.stop and run.stop > kept.start]
    notes = [f"{counted(ends, 'row')} at the ends left out: values are missing"] if ends else []
    if inside:
        how = "with the value before" if rule == "previous" else "on a straight line"
        notes.append(f"{describe_runs(inside)}; filled {how}")
    return Filled(_filled(values[kept.start : kept.stop], rule), kept, tuple(runs), "; ".join(notes))


def _between(values: Numbers) -> range:
    """The rows from the first to the last that has all its values."""
    whole = np.flatnonzero(~np.isnan(values).any(1))
    return range(int(whole[0]), int(whole[-1]) + 1) if len(whole) else range(0)


def _filled(values: Numbers, rule: str) -> Numbers:
    """values [N, F] without NaN."""
    filled = values.copy()
    rows = np.arange(len(values))
    for column in range(values.shape[1] if len(values) else 0):
        known = rows[~np.isnan(values[:, column])]
        if rule == "previous":
            before = np.maximum(np.searchsorted(known, rows, "right") - 1, 0)
            filled[:, column] = values[known[before], column]
        else:
            filled[:, column] = np.interp(rows, known, values[known, column])
    return filled


def _runs(values: Numbers) -> Iterator[Run]:
    for column in range(values.shape[1]):
        missing = np.concatenate(([False], np.isnan(values[:, column]), [False])).astype(np.int8)
        steps = np.diff(missing)
        for start, stop in zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True):
            yield Run(column, int(start), int(stop))
