"""Numbers that are read many at once are those that Python reads."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from seqshell.core.tables import plain_numbers
from seqshell.core.tables.plain_numbers import PADDING, read_plain

PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)


def read(cells: list[str], decimal: str = ".") -> list[float | None]:
    """The values of cells; None for those that are to be read in another way."""
    contents = [cell.encode() for cell in cells]
    content = np.frombuffer(bytes(PADDING) + b",".join(contents), np.uint8)
    sizes = np.array([len(each) for each in contents])
    starts = PADDING + np.cumsum(sizes + 1) - sizes - 1
    values, is_odd = read_plain(content, starts, starts + sizes, decimal)
    return [None if odd else value for value, odd in zip(values.tolist(), is_odd.tolist(), strict=True)]


def drawn(draws: random.Random) -> str:
    """A number in some form, or nearly one."""
    value = draws.gauss(0, 10.0 ** draws.randint(-3, 6))
    digits = "".join(draws.choices("0123456789", k=draws.randint(0, 13)))
    return draws.choice(
        (
            f"{value:.{draws.randint(0, 14)}f}",
            f"{value:+.3f}",
            repr(value),
            f"{value:.17g}",
            str(draws.randint(-(10**19), 10**19)),
            f"{digits}.{''.join(reversed(digits))}",
            "".join(draws.choices("0123456789.-+e ", k=6)),
        )
    )


def test_they_are_the_same_to_the_last_bit() -> None:
    draws = random.Random(0)
    cells = ["-0", "-0.0", "0", "5.", ".5", "+.5", "00012.50", "9007199254740993", *(drawn(draws) for _ in range(3000))]
    found = read(cells)
    for cell, value in zip(cells, found, strict=True):
        if value is not None:
            assert PLAIN.fullmatch(cell), cell
            assert (value, str(value)) == (expected := float(cell) + 0.0, str(expected)), cell
    plain = [value for cell, value in zip(cells, found, strict=True) if PLAIN.fullmatch(cell) and len(cell) < 20]
    assert sum(value is None for value in plain) < len(plain) / 50


@pytest.mark.parametrize(
    "cell", ["", "-", "+", ".", "-.", "1.2.3", "1,5", "1e5", "nan", "--1", "1 ", " 1", "1/2", "1:", "é", "9" * 25]
)
def test_other_cells_are_left_to_others(cell: str) -> None:
    for beside in ("1", "123456789.5", "12345678901234.567"):
        assert read([beside, cell, "-2.5"]) == [float(beside), None, -2.5]


def test_a_separator_may_be_in_any_of_the_words_of_a_cell_but_in_one_only() -> None:
    cells = ["1.234567890123456", "123456789.0123456", "12345678901234.5", "1.234567890.12345", "12345678.1234567"]
    assert read(cells) == [*map(float, cells[:3]), None, float(cells[4])]


def test_a_decimal_comma_is_read_likewise() -> None:
    assert read(["1,5", "-1234,25", "3", "1.5", "1,2,3"], ",") == [1.5, -1234.25, 3.0, None, None]


def test_without_longer_floats_numbers_of_many_digits_are_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_numbers, "HAS_LONG", False)
    assert read(["0.12345678901234567", "123456789.5"]) == [None, 123456789.5]
