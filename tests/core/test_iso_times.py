"""Times in ISO 8601 that are read many at once are those that are read one by one."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from seqshell.core.tables.iso_times import read_iso
from seqshell.core.tables.time_columns import read_time_column, to_continue

FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
STEPS = (timedelta(1), timedelta(minutes=1), timedelta(hours=12), timedelta(seconds=7), timedelta(31))


def matrix(cells: list[str]) -> NDArray[np.uint8]:
    return np.frombuffer("".join(cells).encode(), np.uint8).reshape(len(cells), -1)


def texts(found: NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(row.tobytes().decode() for row in found)


def drawn(draws: random.Random) -> list[str]:
    """Times in order with equal steps, with others, or on a day of each month."""
    start = datetime(draws.randint(1000, 2900), draws.randint(1, 12), draws.randint(1, 28), draws.choice((0, 13)))
    step, form, kind = draws.choice(STEPS), draws.choice(FORMATS), draws.choice(("equal", "others", "months"))
    start = start if kind == "months" else start + timedelta(seconds=draws.choice((0, 0, 5)))
    times = [start]
    for _ in range(draws.randint(0, 9)):
        last = times[-1]
        if kind == "months":
            times.append(last.replace(year=last.year + last.month // 12, month=last.month % 12 + 1))
        else:
            times.append(last + step * (draws.choice((1, 2)) if kind == "others" else 1))
    return list(dict.fromkeys(time.strftime(form) for time in times))


def test_keys_and_texts_are_the_same() -> None:
    draws = random.Random(1)
    for _ in range(150):
        cells = drawn(draws)
        found, expected = read_iso(matrix(cells)), read_time_column(cells)
        assert found is not None
        assert expected is not None
        assert found.keys.tolist() == list(expected.keys)
        assert texts(found.texts) == expected.texts
        assert texts(found.to_continue(np.arange(len(cells)))) == to_continue("", cells, expected)


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "2000-13-01",
            "2000-00-01",
            "2000-02-30",
            "2000-02-00",
            "0999-01-01",
            "3000-01-01",
            "2000/01/01",
            "2000-0x-01",
        ),
        *("2000-01-01 24:00", "2000-01-01 10:60", "2000-01-01_10:00", "2000-01-01 10:00:60", "2000-01"),
    ],
)
def test_what_is_no_such_time_is_left_to_others(cell: str) -> None:
    good = "2000-01-01 10:00:00"[: len(cell)]
    assert read_iso(matrix([good, cell])) is None
    assert (read_iso(matrix([good])) is None) == (len(cell) == 7)


def test_a_space_and_a_t_in_one_column_are_left_to_others() -> None:
    assert read_iso(matrix(["2000-01-01 10:00", "2000-01-01T11:00"])) is None
