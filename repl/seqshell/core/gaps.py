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
    lengths = sorted(map(len, runs), reverse=True)
    if lengths[0] == 1:
        return f"{number:,} single values are missing"
    if len(lengths) <= MOST_LENGTHS:
        *first, last = map(str, lengths)
        return f"{missing}, in {counted(len(runs), 'run')} of {' and '.join(filter(None, (', '.join(first), last)))}"
    return f"{missing}, in {len(runs):,} runs of {lengths[-1]} to {lengths[0]}"


def fill_gaps(values: Numbers, rule: str) -> Numbers:
    """values [N, F] without NaN: on a straight line between the values around a gap, or the previous one again.

    Gaps at the beginning get the first value, those at the end the last. rule: "previous", or any other for a line. A
    column without any value stays as it is.
    """
    filled = values.copy()
    rows = np.arange(len(values))
    for column in range(values.shape[1]):
        known = rows[~np.isnan(values[:, column])]
        if not len(known):
            continue
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
