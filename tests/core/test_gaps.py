"""Gaps in series: counted, filled by the rules of data.fill, or refused."""

import numpy as np
import pytest

from seqshell.core.gaps import GapFault, Gaps, describe_runs, fill_gaps

NONE = float("nan")


def column(*values):
    return np.array(values, np.float64)[:, None]


@pytest.mark.parametrize(
    ("rule", "values", "filled"),
    [
        ("short", (1, NONE, 3), [1, 2, 3]),
        ("short", (1, NONE, NONE, NONE, 5), [1, 2, 3, 4, 5]),
        ("linear", (NONE, 1, NONE, NONE, NONE, NONE, 6, NONE), [1, 1, 2, 3, 4, 5, 6, 6]),
        ("previous", (NONE, 1, NONE, NONE, NONE, NONE, 6, NONE), [1, 1, 1, 1, 1, 1, 6, 6]),
        ("none", (1, 2), [1, 2]),
    ],
)
def test_gaps_are_filled_by_the_rule(rule, values, filled):
    assert fill_gaps(column(*values), rule).values[:, 0].tolist() == filled


def test_rows_at_the_ends_are_left_out_where_no_line_can_be_drawn():
    found = fill_gaps(np.array([[NONE, 1], [2, 2], [NONE, 3], [4, 4], [5, NONE]]), "short")

    assert found.values.tolist() == [[2, 2], [3, 3], [4, 4]]
    assert found.kept == range(1, 4)
    assert (
        found.note == "2 rows at the ends left out: values are missing; 1 value is missing; filled on a straight line"
    )


@pytest.mark.parametrize("rule", ["short", "linear", "previous"])
def test_a_column_without_a_value_leaves_no_row(rule):
    assert fill_gaps(np.array([[1, NONE], [2, NONE]]), rule).values.shape == (0, 2)
    assert fill_gaps(np.array([[1, NONE], [NONE, 2]]), "short").values.shape == (0, 2)


@pytest.mark.parametrize(("rule", "values"), [("short", (1, NONE, NONE, NONE, NONE, 6)), ("none", (1, NONE, 3))])
def test_other_gaps_are_refused_at_the_longest(rule, values):
    with pytest.raises(GapFault) as raised:
        fill_gaps(column(*values), rule)
    assert (raised.value.row, raised.value.length) == (1, len(values) - 2)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((1, NONE, 3), "1 value is missing"),
        ((1, NONE, 3, NONE, 5), "2 single values are missing"),
        ((NONE, NONE, 3), "2 values are missing, in 1 run of 2"),
        ((1, NONE, 3, NONE, NONE, 6, NONE, NONE, NONE), "6 values are missing, in 3 runs of 1, 2 and 3"),
        ((*(NONE, 1) * 4, NONE, NONE), "6 values are missing, in 5 runs of 1 to 2"),
    ],
)
def test_gaps_are_described_by_their_number_and_lengths(values, words):
    assert describe_runs(Gaps([column(*values)]).lengths) == words


def series_with_gaps(number):
    """A series of three columns with gaps of up to 9 rows; each tenth has none."""
    draws = np.random.default_rng(number)
    values = draws.normal(size=(40, 3))
    if number % 10 == 0:
        return values
    values[draws.random(values.shape) < draws.choice((0, 0.05, 0.3))] = NONE
    for _ in range(draws.integers(3)):
        start = draws.integers(40)
        values[start : start + draws.integers(10), draws.integers(3)] = NONE
    values[: draws.integers(5), 0] = NONE
    return values


def found(blocks, rule):
    """The values, which rows stay and the note, or the gap that is refused and all gaps in words."""
    gaps = Gaps(blocks)
    try:
        kept, note = gaps.kept(rule)
    except GapFault as fault:
        return fault.row, fault.column, fault.length, fault.description
    return np.concatenate([blocks[0][:0], *gaps.filled(blocks, rule, kept)]).tolist(), kept, note


@pytest.mark.parametrize("rule", ["short", "linear", "previous", "none"])
@pytest.mark.parametrize("size", [1, 5, 39])
def test_gaps_across_blocks_are_filled_and_refused_as_those_of_a_whole_series(size, rule):
    outcomes = set()
    for number in range(21):
        values = series_with_gaps(number)
        whole = found([values], rule)
        assert found([values[start : start + size] for start in range(0, 40, size)], rule) == whole
        outcomes.add(len(whole))
    assert outcomes == {3, 4} if rule in ("short", "none") else {3}


def test_a_gap_of_many_blocks_is_filled_between_its_ends():
    values = column(1, 2, *(NONE,) * 7, 10, NONE, NONE)
    blocks = [values[start : start + 2] for start in range(0, 12, 2)]

    assert found(blocks, "linear")[0] == [[each] for each in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10)]
    assert found(blocks, "previous")[0] == [[each] for each in (1, *(2,) * 8, 10, 10, 10)]
    assert found(blocks, "short") == (2, 0, 7, "9 values are missing, in 2 runs of 2 and 7")


def test_no_rows_have_no_gaps():
    assert fill_gaps(np.zeros((0, 2)), "short").values.shape == (0, 2)
