"""Series: reading from tables, splitting by time, normalising, and errors with row and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.number_text import read_rows
from seqshell.core.tables.numbers import is_gap
from seqshell.training.forecasting.data import read_series, scale_of, split_rows
from seqshell.training.recipes.settings import DataSettings

HOURS = "date,HUFL,OT\n2016-07-01 00:00:00,5.8,30.5\n2016-07-01 01:00:00,5.7,27.8\n2016-07-01 02:00:00,5.1,27.7\n"


def read(table, columns=(), time_column="", folder=Path(), **settings):
    return read_series(DataSettings(table=table, columns=columns, time_column=time_column, **settings), folder)


def written(folder: Path, text: str, name: str = "oil.csv") -> str:
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def test_columns_are_read_in_the_requested_order(tmp_path):
    series = read(written(tmp_path, HOURS), ("OT", "HUFL"), "date")

    assert series.columns == ("OT", "HUFL")
    assert series.parts[0].values.tolist() == [[30.5, 5.8], [27.8, 5.7], [27.7, 5.1]]
    assert series.name == "oil.csv"
    assert series.understood == (
        "values in columns OT and HUFL; times in column date, 2016-07-01 00:00 to 2016-07-01 02:00, hourly "
        "(--set data.time_column=NAME to change)",
    )


def test_without_names_all_columns_but_the_time_are_read(tmp_path):
    assert read(written(tmp_path, HOURS), (), "date").columns == ("HUFL", "OT")
    assert read(written(tmp_path, "a\n1\n2\n")).parts[0].values.tolist() == [[1], [2]]
    assert read(written(tmp_path, '"Month","Passengers"\n"1949-01",112\n"1949-02",118\n'), (), "Month").parts[
        0
    ].values.tolist() == [[112], [118]]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (HOURS.replace("27.8", "warm"), ("OT",), r"oil\.csv, row 3, column OT: 'warm' is not a number"),
        (HOURS.replace("27.8", "1_0"), ("OT",), r"oil\.csv, row 3, column OT: '1_0' is not a number"),
        (HOURS.replace("27.8", "inf"), ("OT",), r"oil\.csv, row 3, column OT: 'inf' is not a number"),
        (
            HOURS,
            ("MULL",),
            r"oil\.csv, row 1: no column 'MULL'; select one of 'date', 'HUFL', 'OT' with --set data\.columns=NAME",
        ),
        (HOURS, ("date",), r"oil\.csv: 'date' is the time column and cannot be forecast"),
        (
            HOURS.replace("5.7,27.8", "5.7"),
            ("OT",),
            r"oil\.csv, row 3: 2 cells, but the first row names 3 columns",
        ),
        ("", ("OT",), r"oil\.csv is empty"),
        ("date,OT\n", ("OT",), r"oil\.csv has no rows below the column names"),
        (
            HOURS.replace("02:00", "01:00"),
            ("OT",),
            r"oil\.csv, column date: rows 3 and 4 have the same time, '2016-07-01 01:00:00'; if the table has several",
        ),
        ("date\n2016-07-01\n", (), r"no column of numbers besides the time"),
    ],
)
def test_errors_in_a_table_name_row_and_column(tmp_path, text, columns, message):
    with pytest.raises(RecipeError, match=message):
        read(written(tmp_path, text), columns, "date")


def test_the_error_for_a_missing_file_says_where_to_get_the_data(tmp_path):
    with pytest.raises(RecipeError, match=r"ETTh1\.csv does not exist; get it from .*example\.org"):
        read("ETTh1.csv", ("OT",), folder=tmp_path, origin="example.org")


@pytest.mark.parametrize("fill", ["short", "linear", "previous"])
def test_a_column_without_a_value_is_refused(tmp_path, fill):
    table = written(tmp_path, "date,a,b\n2020-01-01,1,\n2020-01-02,2,\n2020-01-03,3,\n")
    with pytest.raises(
        RecipeError, match=r"oil\.csv: no row has all its values; choose the columns with --set data\.c"
    ):
        read(table, ("a", "b"), "date", fill=fill)


def test_gaps_in_time_are_noted(tmp_path):
    note = read(written(tmp_path, HOURS + "2016-07-01 05:00:00,5,27\n"), ("OT",), "date").understood[-1]

    assert note == "times are missing before row 5 (1 gap in all); rows are treated as evenly spaced"


def test_months_and_years_have_no_gaps(tmp_path):
    days = "".join(f"2020-{month:02}-01,{month}\n" for month in range(1, 13))

    assert read(written(tmp_path, "day,value\n" + days), (), "day").understood[1:] == ()
    assert read(written(tmp_path, "year,value\n1900,1\n1901,2\n1902,3\n"), (), "year").understood[1:] == ()


def test_validation_and_test_shares_are_at_the_end():
    split = split_rows(DataSettings(table="a.csv", validation=0.2, test=0.1), "a.csv", 100, horizon=4)

    assert (split.training, split.validation, split.test) == (range(70), range(70, 90), range(90, 100))
    assert split.held_out == range(90, 100)
    assert split_rows(DataSettings(table="a.csv", validation=0.2), "a.csv", 100, horizon=4).held_out == range(80, 100)


def test_data_ends_gives_the_last_row_of_each_part():
    split = split_rows(DataSettings(table="a.csv", ends=(50, 70, 90)), "a.csv", 100, horizon=4)

    assert (split.training, split.validation, split.test) == (range(50), range(50, 70), range(70, 90))


@pytest.mark.parametrize(
    ("settings", "horizon", "message"),
    [
        ({"ends": (50, 40)}, 1, r"data\.ends must be two or three increasing row numbers"),
        ({"ends": (50,)}, 1, r"data\.ends must be two or three increasing row numbers"),
        ({"ends": (50, 60, 101)}, 1, r"a\.csv has 100 rows, but data\.ends needs 101"),
        ({"validation": "b.csv"}, 1, r"data\.validation and data\.test must be shares of a\.csv"),
        ({"validation": 0.5, "test": 0.5}, 1, r"below 1 in total, not 0\.5 and 0\.5"),
        ({"validation": 0.1}, 24, r"a\.csv is too short: 10 rows for validation; a horizon of 24 needs 24"),
        ({"validation": 0.8}, 24, r"a\.csv is too short: 20 rows for training; a horizon of 24 needs 26"),
        (
            {"validation": 0.3, "test": 0.1},
            24,
            r"a\.csv is too short: 10 rows for testing; a horizon of 24 needs 24",
        ),
    ],
)
def test_invalid_splits_are_reported(settings, horizon, message):
    with pytest.raises(RecipeError, match=message):
        split_rows(DataSettings(table="a.csv", **settings), "a.csv", 100, horizon)


def test_values_are_normalised_by_mean_and_standard_deviation_and_back():
    values = np.array([[1.0, 5.0], [3.0, 5.0]])
    scale = scale_of(values)

    assert scale.normalised(values).tolist() == [[-1, 0], [1, 0]]  # a constant column is not scaled
    assert scale.restored(scale.normalised(values)).tolist() == values.tolist()


@pytest.mark.parametrize(
    "cell", ["", " ", "nan", "NaN", "-nan", "+nan", "NA", "n/a", "null", "None", "-", "--", "?", "."]
)
def test_training_and_sessions_refuse_the_same_words_for_a_missing_value(cell, tmp_path):
    table = f"date,value\n2020-01-01,1\n2020-01-02,{cell}\n2020-01-03,3\n"
    (tmp_path / "gap.csv").write_text(table)
    with pytest.raises(RecipeError, match=r"gap\.csv, row 3, column value: 1 value is missing"):
        read("gap.csv", ("value",), "date", folder=tmp_path, fill="none")
    with pytest.raises(VocabularyError, match=r"(?:a value is missing|is a missing value) \(line 3, column value\)"):
        read_rows(table, ("value",))


@pytest.mark.parametrize("cell", ["0", "-0", "0.0", "zero", "gap", "#"])
def test_words_and_zeros_are_not_missing_values(cell):
    assert not is_gap(cell)


def test_a_table_with_a_series_in_each_row_is_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"row 1: the columns 1960, 1961, \.\.\. are times, .* transpose the table"):
        read(written(tmp_path, "country,1960,1961,1962\nPeru,1,2,3\nChad,4,5,6\n"))
