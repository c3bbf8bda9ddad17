"""Columns of times: formats, day and month, time zones, Unix times, and times in several columns."""

import math
import re
from datetime import datetime, timedelta

import pytest

from seqshell.core.row_times import read_times
from seqshell.core.tables import time_columns
from seqshell.core.tables.numbers import CellFault
from seqshell.core.tables.time_columns import long_steps, read_time_column, step_name, to_continue
from seqshell.core.tables.time_parts import find_time_columns, join_cells


@pytest.mark.parametrize(
    ("cells", "texts", "unit"),
    [
        (["2000-01-28", "2000-02-01"], ["2000-01-28", "2000-02-01"], "day"),
        (["2000/1/28", "2000/02/01"], ["2000-01-28", "2000-02-01"], "day"),
        (["2000.01.28"], ["2000-01-28"], "day"),
        (["Jan 28 2000", "february 1, 2000"], ["2000-01-28", "2000-02-01"], "day"),
        (["28 Jan 2000", "1-Feb-00", "3rd Sept. 2000"], ["2000-01-28", "2000-02-01", "2000-09-03"], "day"),
        (["Fri Jan 28 2000", "Tuesday, Feb 1 2000"], ["2000-01-28", "2000-02-01"], "day"),
        (["2000-Jan-28"], ["2000-01-28"], "day"),
        (["20000128", "20000201"], ["2000-01-28", "2000-02-01"], "day"),
        (["2000-02-30", "2000-03-01"], ["", "2000-03-01"], "day"),
        (["January 2000", "Feb 2000"], ["2000-01", "2000-02"], "month"),
        (["Dec-99", "Jan-00"], ["1999-12", "2000-01"], "month"),
        (["2000-9", "2000-10"], ["2000-09", "2000-10"], "month"),
        (["2000M01", "2000M12"], ["2000-01", "2000-12"], "month"),
        (["01/2000", "12/2000"], ["2000-01", "2000-12"], "month"),
        (["200011", "200012"], ["2000-11", "2000-12"], "month"),
        (["2000Q1", "2000-Q4", "2001 q2"], ["2000-Q1", "2000-Q4", "2001-Q2"], "quarter"),
        (["Q1 2000", "2Q2000"], ["2000-Q1", "2000-Q2"], "quarter"),
        (["2000-W05", "2000W06"], ["2000-01-31", "2000-02-07"], "week"),
        (["2000-01-28 09:30", "2000-01-28T10:00:00"], ["2000-01-28 09:30", "2000-01-28 10:00"], "time"),
        (["1/28/2000 12:30 AM", "1/28/2000 1:05:09 pm"], ["2000-01-28 00:30:00", "2000-01-28 13:05:09"], "time"),
        (["2000-01-28 23:00", "2000-01-28 24:00"], ["2000-01-28 23:00", "2000-01-29 00:00"], "time"),
        (["28/Jan/2000:10:00:01 +0100"], ["2000-01-28 10:00:01+01:00"], "time"),
        (["2000-01-28T10:00:00Z"], ["2000-01-28 10:00:00Z"], "time"),
        (["2000-01-28 10:00+01:00", "2000-01-28 10:00Z"], ["2000-01-28 09:00:00Z", "2000-01-28 10:00:00Z"], "time"),
        (["1577836800", "1577840400"], ["2020-01-01 00:00", "2020-01-01 01:00"], "time"),
        (["1577836800000", "1577923200000"], ["2020-01-01", "2020-01-02"], "day"),
        (["1999", "2000"], ["1999", "2000"], "year"),
        (["0", "1"], ["0", "1"], "number"),
    ],
)
def test_times_are_read_in_many_formats(cells, texts, unit):
    times = read_time_column(cells)
    assert (list(times.texts), times.unit) == (texts, unit)


@pytest.mark.parametrize("cells", [[], ["", ""], ["monday"], ["sun", "rain"], ["Total"], ["1-01", "1-02"], ["10:00"]])
def test_other_cells_are_no_times(cells):
    assert read_time_column(cells) is None


@pytest.mark.parametrize(
    ("cells", "told", "expected"),
    [
        (["01/02/2000", "28/01/2000"], None, "2000-02-01"),
        (["01/02/2000", "01/28/2000"], None, "2000-01-02"),
        (["01.02.2000", "01.03.2000"], None, "2000-02-01"),
        (["01.02.2000", "01.28.2000"], None, "2000-01-02"),
        (["01/02/2000", "02/02/2000"], True, "2000-02-01"),
        (["01/02/2000", "02/02/2000"], False, "2000-01-02"),
        ([f"01-{month:02}-{year}" for year in (2000, 2001) for month in range(1, 13)][1:], None, "2000-02-01"),
        (["1/2/00", "1/3/00", "2/1/00"], None, "2000-01-02"),  # in order
    ],
)
def test_day_and_month_are_told_apart_by_the_whole_column(cells, told, expected):
    assert read_time_column(cells, told).texts[0] == expected


def test_dates_that_nothing_tells_apart_are_refused_with_the_setting_that_decides():
    with pytest.raises(CellFault, match=r"'01/02/2000' may begin with .* --set data.day_first=true or --set") as raised:
        read_time_column(["01/01/2000", "01/02/2000"])
    assert raised.value.index == 1
    with pytest.raises(CellFault, match="'28/01/2000' has the day first, '01/28/2000' the month"):
        read_time_column(["28/01/2000", "01/28/2000"])


def test_cells_that_are_no_times_are_counted():
    times = read_time_column(["2000-01-01", "2000-01-02", "Total"])
    assert times.unread == (2,)
    assert [round(key / 86_400) for key in times.keys[:2]] == [10957, 10958]
    assert math.isnan(times.keys[2])


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        (["2000-01-01", "2000-01-02"], "daily"),
        (["2000-01-01", "2000-01-08"], "weekly"),
        (["2000-01", "2000-02", "2000-03"], "monthly"),
        (["2000-01-31", "2000-02-29", "2000-03-31"], "monthly"),
        (["2000Q1", "2000Q2"], "quarterly"),
        (["2000-01-01", "2001-01-01"], "yearly"),
        (["1999", "2000"], "yearly"),
        (["2000-01-01 00:00", "2000-01-01 01:00"], "hourly"),
        (["2000-01-01 00:00", "2000-01-01 00:15"], "every 15 minutes"),
        (["2000-01-01", "2000-01-03"], "every 2 days"),
        (["5", "6"], ""),
        (["2000-01-01"], ""),
    ],
)
def test_the_step_of_times_has_a_name(cells, name):
    assert step_name(read_time_column(cells)) == name


@pytest.mark.parametrize(
    ("cells", "following"),
    [
        (["30.12.2000", "31.12.2000"], "01.01.2001"),
        (["Jan 1 2000", "Feb 1 2000"], "2000-03-01"),
        (["30/12/2000", "31/12/2000"], "2001-01-01"),
        (["2000Q3", "2000Q4"], "2001-Q1"),
        (["2000-01-28T23:00:00+01:00", "2000-01-29T00:00:00+01:00"], "2000-01-29T01:00:00+01:00"),
        (["2000-01-28 11 PM", "2000-01-29 12 AM"], "2000-01-29 01:00"),
        (["1577836800", "1577840400"], "1577844000"),
    ],
)
def test_times_continue_as_in_the_table_or_in_iso(cells, following):
    times = read_time_column(cells)
    assert read_times("when", to_continue("when", cells, times)).at(2) == following


@pytest.mark.parametrize(
    ("table", "names", "texts"),
    [
        ({"year": ["1980"], "quarter": ["1"], "x": ["5"]}, ("year", "quarter"), ["1980-Q1"]),
        ({"Year": ["1980"], "Qtr": ["Q3"]}, ("Year", "Qtr"), ["1980-Q3"]),
        ({"Year": ["1980"], "Month": ["Feb"], "x": ["5"]}, ("Year", "Month"), ["1980-02"]),
        ({"x": ["5"], "month": ["2"], "year": ["1980"]}, ("year", "month"), ["1980-02"]),
        ({"YEAR": ["1980"], "MO": ["2"], "DY": ["29"], "HR": ["5"]}, ("YEAR", "MO", "DY", "HR"), ["1980-02-29 05:00"]),
        (
            {"year": ["1980"], "month": ["2"], "day": ["9"], "hour": ["5"]},
            ("year", "month", "day", "hour"),
            ["1980-02-09 05:00"],
        ),
        ({"year": ["1980"], "week": ["2"]}, ("year", "week"), ["1980-01-07"]),
        ({"Date": ["13/2/2000"], "Time": ["10:30 PM"]}, ("Date", "Time"), ["2000-02-13 22:30"]),
        ({"date": ["2000-02-13"], "hour": ["7"]}, ("date", "hour"), ["2000-02-13 07:00"]),
        ({"load": ["5"], "when": ["2000-02-13"]}, ("when",), ["2000-02-13"]),
        ({"date": ["2000-02-13"], "year": ["2000"], "month": ["2"]}, ("date",), ["2000-02-13"]),
        ({"Unix time": ["1577836800", "1577836860"]}, ("Unix time",), ["2020-01-01 00:00", "2020-01-01 00:01"]),
        ({"x": ["1"], "year": ["1990"]}, ("year",), ["1990"]),
    ],
)
def test_times_are_found_in_one_column_or_several(table, names, texts):
    assert find_time_columns(table) == names
    times = read_time_column(join_cells(names, [table[name] for name in names]))
    assert list(times.texts) == texts


@pytest.mark.parametrize(
    "table", [{"x": ["1", "2"]}, {"code": ["200001", "200002"]}, {"temp min": ["3", "1", "2"]}, {"weather": ["sun"]}]
)
def test_numbers_and_words_are_no_times(table):
    assert find_time_columns(table) == ()


def test_a_column_with_the_month_first_is_found():
    table = {"value": ["1", "2", "3"], "Date": ["03/24/2022", "03/25/2022", "04/01/2022"]}

    assert find_time_columns(table) == ("Date",)


def test_years_that_count_are_a_time_by_any_name():
    assert find_time_columns({"people": ["7", "9", "8"], "Jahr": ["1900", "1901", "1902"]}) == ("Jahr",)
    assert find_time_columns({"people": ["7", "9", "8"], "no": ["1", "2", "3"]}) == ()
    assert find_time_columns({"people": ["1900", "1905", "1902"]}) == ()


@pytest.mark.parametrize(
    ("days", "missing"),
    [
        ((4, 5, 8, 9, 10, 11, 12, 15), []),  # weekdays from a Thursday on
        ((4, 5, 8, 9, 11, 12, 15, 16, 17), [4]),
        ((4, 5, 9, 10, 11, 12, 15), [2]),
        ((4, 5, 6, 7, 10, 11), [4]),  # a weekend is in it
    ],
)
def test_weekends_without_rows_are_not_missing(days, missing):
    times = read_time_column([f"2024-01-{day:02}" for day in days])
    assert long_steps(times.keys) == missing


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"])
@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(hours=5), timedelta(seconds=7)])
def test_times_in_iso_are_read_as_any_others(monkeypatch, form, step):
    cells = [(datetime(1969, 12, 30) + number * step).strftime(form) for number in range(40)]
    found = [read_time_column(some) for some in (cells, ["2001-02-30", *cells], [*cells, "2001-01-01T24:00"])]
    monkeypatch.setattr(time_columns, "_ISO_COLUMN", re.compile("(?!)"))
    assert found == [read_time_column(some) for some in (cells, ["2001-02-30", *cells], [*cells, "2001-01-01T24:00"])]
