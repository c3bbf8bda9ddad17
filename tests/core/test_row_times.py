"""Times of the rows of a table: formats, steps, and what is no regular time."""

import pytest

from seqshell.core.row_times import listed_times, read_times, short_times


@pytest.mark.parametrize(
    ("cells", "fifth"),
    [
        (["2016-07-01 22:00:00", "2016-07-01 23:00:00"], "2016-07-02 02:00:00"),
        (["2016-07-01T22:00", "2016-07-01T22:30", "2016-07-01T23:00"], "2016-07-02T00:00"),
        (["2024-02-26", "2024-02-27", "2024-02-28"], "2024-03-01"),
        (["2024/12/29", "2024/12/30"], "2025/01/02"),
        (["30.12.2023", "31.12.2023"], "03.01.2024"),
        (["1960-09", "1960-10", "1960-11"], "1961-01"),
        (["1960-10-01", "1960-11-01", "1960-12-01"], "1961-02-01"),
        (["2001", "2003", "2005"], "2009"),
        (["2020-01-31", "2020-02-29", "2020-03-31"], "2020-05-31"),
        (["2020-09-30", "2020-12-31", "2021-03-31"], "2021-09-30"),
    ],
)
def test_regular_times_continue_in_the_format_of_the_table(cells, fifth):
    times = read_times("date", cells)
    assert [times.at(row) for row in range(len(cells))] == cells
    assert times.at(4) == fifth


@pytest.mark.parametrize(
    "cells",
    [
        [],
        ["2016-07-01"],
        ["2016-07-01", "2016-07-02", "2016-07-04"],
        ["2016-07-02", "2016-07-01"],
        ["2016-07-01", "2016-07-01"],
        ["monday", "tuesday"],
        ["2016-7-1", "2016-7-2"],
        ["1.5", "2.5"],
    ],
)
def test_other_columns_have_no_regular_times(cells):
    assert read_times("date", cells) is None


def test_there_is_no_date_after_the_last_year():
    assert [read_times("date", ["9999-12-30", "9999-12-31"]).at(row) for row in (1, 2)] == ["9999-12-31", ""]
    assert read_times("month", ["9999-11", "9999-12"]).at(2) == ""


def test_short_times_name_seconds_and_years_only_where_needed():
    assert short_times(["2024-12-31 23:00:00", "2025-01-01 00:00:00"]) == ["2024-12-31 23:00", "2025-01-01 00:00"]
    assert short_times(["2024-12-30 00:00:01", "2024-12-31 00:00:00"])[1] == "12-31 00:00:00"
    assert short_times(["1960-11", "1960-12"]) == ["1960-11", "1960-12"]
    assert short_times(["7", "8"]) == ["7", "8"]


WEEK = ["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10", "2024-01-12"]  # Thursday to Friday


def test_weekdays_continue_on_weekdays_and_are_kept_as_listed():
    times = listed_times("date", WEEK)
    assert [times.at(row) for row in range(-1, 9)] == ["", *WEEK, "2024-01-15", "2024-01-16", "2024-01-17"]
    assert listed_times("date", times.first) == times


def test_times_with_missing_ones_continue_with_their_usual_step():
    cells = ["2024-01-04 00:00", "2024-01-04 01:00", "2024-01-04 02:00", "2024-01-04 05:00"]
    assert [listed_times("date", cells).at(row) for row in (3, 4, 5)] == [
        cells[3],
        "2024-01-04 06:00",
        "2024-01-04 07:00",
    ]


@pytest.mark.parametrize(
    "cells", [["2024-01-04", "2024-01-05", "2024-01-09"], ["2024-01-04", "2024-01-05", "2024-01-05"], ["a", "b"], []]
)
def test_other_times_are_not_continued(cells):
    assert listed_times("date", cells) is None
