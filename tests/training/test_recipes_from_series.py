"""Tables of times and numbers are series: how they are recognised, and their recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.training.user_files import written

from seqshell.core.errors import RecipeError
from seqshell.core.tasks import Task
from seqshell.host.builtin import load_registry
from seqshell.training.data.tables import read_table
from seqshell.training.data.understanding import understand
from seqshell.training.forecasting.columns import find_series_columns
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.settings import DataSettings


def is_series(path: Path) -> bool:
    """True if a file is understood as a series; False for other tasks and files in doubt."""
    try:
        return understand(path, {}).task == Task.FORECAST
    except RecipeError:
        return False


def series(
    folder: Path, number: int = 120, season: int = 6, name: str = "my sales.csv", start: str = "month,sold\n"
) -> str:
    """Months from 2000."""
    rows = [f"{2000 + row // 12}-{row % 12 + 1:02},{10 + row % season + 0.1 * row}\n" for row in range(number)]
    return written(folder / name, start + "".join(rows))


def test_a_table_of_times_and_numbers_is_a_series_with_its_season_as_horizon(tmp_path: Path) -> None:
    made = load_recipe(series(tmp_path), ["model.hidden_size=4"])
    prepared = prepare(made, load_registry())

    assert (made.name, made.task, made.architecture) == ("my-sales", Task.FORECAST, "forecaster")
    assert (made.folder, made.data.table, made.data.time_column, made.data.columns) == (
        tmp_path,
        "my sales.csv",
        "month",
        (),
    )
    assert (made.model["horizon"], made.model["segment"], made.model["window"], made.model["hidden_size"]) == (
        6,
        6,
        12,
        4,
    )
    assert made.model["linear_window"] == 28  # a third of the training rows
    assert (made.training.epochs, made.training.batch_size, made.training.sample_every) == (100, 4, 10)
    assert made.defaults.about == "Forecasts 6 steps of sold; /forecast @my sales.csv reads your table."
    assert prepared.series.columns == ("sold",)
    assert prepared.objective.split == {"training": 84, "validation": 18, "test": 18}
    assert prepared.objective.season == 6


def test_long_series_get_fewer_epochs_and_a_longer_window(tmp_path: Path) -> None:
    made = load_recipe(series(tmp_path, 10_000, season=24))

    assert (made.training.epochs, made.training.batch_size) == (8, 64)
    assert (made.model["horizon"], made.model["window"], made.model["linear_window"]) == (24, 336, 720)


def test_settings_for_a_series_depend_only_on_its_training_rows(tmp_path: Path) -> None:
    lines = Path(series(tmp_path)).read_text().splitlines()
    other = written(
        tmp_path / "other.csv",
        "\n".join(lines[:85] + [f"{line.split(',')[0]},{5 * (row % 9)}" for row, line in enumerate(lines[85:])]),
    )

    assert load_recipe(other).model == load_recipe(series(tmp_path)).model


@pytest.mark.parametrize(
    ("name", "text", "time"),
    [
        ("a.csv", "date,x\n2020-01-01 00:00,1\n", "date"),
        ("a.csv", "x,when\n1,2020-01-01\n", "when"),
        ("a.csv", "x;when\n1;31.12.2020\n", "when"),
        ("a.csv", "\ufeffyear,x\r\n1990,1\r\n", "year"),
        ("a.csv", "x,y\n1,2\n", ""),
        ("a.tsv", "date\tx\n2020-01-01\t1\n", "date"),
        ("a.csv", "date,x\n2020-01-01,\n", "date"),
        ("a.csv", "date;x\n2020-01-01;1,5\n", "date"),
    ],
)
def test_a_series_is_recognised_by_its_cells(tmp_path: Path, name: str, text: str, time: str) -> None:
    path = Path(written(tmp_path / name, text))

    assert is_series(path)
    assert find_series_columns(read_table(str(path)), DataSettings()).time_column == time


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "date,x\n2020-01-01,1\n"),
        ("a.csv", "Dear all,\nthis is a letter, no table\n"),
        ("a.csv", "name,comment\nAnn,good\n"),
        ("a.csv", "comment,stars\ngood,5\n"),
        ("a.tsv", "one\tun\n2\tdeux\n"),
        ("a.tsv", "1\tone\n2\ttwo\n"),
        ("a.tsv", "hello\tbonjour\n"),
        ("a.csv", ""),
    ],
)
def test_other_tables_are_not_series(tmp_path: Path, name: str, text: str) -> None:
    assert not is_series(Path(written(tmp_path / name, text)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,x\n", r"a\.csv has no rows below the column names"),
        ("date\n2020-01-01\n", r"a\.csv, row 1: no column of numbers besides the time"),
        (
            "date,x\n2020-01-01,5\n2020-01-02,\n2020-01-03,\n2020-01-04,\n2020-01-05,\n2020-01-06,6\n",
            r"a\.csv, row 3, column x: 4 values are missing, in 1 run of 4; the longest gap, of 4, begins here; "
            r"--set data\.fill=linear fills gaps on a straight line, --set data\.fill=previous with the value before",
        ),
        (
            "date,city\n2020-01-01,Kew\n",
            r"a\.csv: it is in doubt what to train on the columns date \(times\), city \(1 different text\): --set",
        ),
        ("date,x\n2020-01-01,5,6\n", r"a\.csv, row 2: 3 cells, but the first row names 2 columns"),
        ("date,x\n2020-01-01,5\n", r"a\.csv is too short: 0 rows for training"),
        (
            "month,x\n2020-02,5\n2020-02,6\n",
            r"a\.csv, column month: rows 2 and 3 have the same time, '2020-02'; if the table has several series, "
            r"--set data\.series_column=NAME names the column that tells them apart; else remove one of the rows",
        ),
        (
            "month,x\n01/02/2020,5\n02/02/2020,6\n",
            r"a\.csv, row 2, column month: '01/02/2020' may begin with the day or with the month, and no other date "
            r"tells; --set data\.day_first=true or --set data\.day_first=false decides",
        ),
        ("date,x\n2020-01-01,1\nsum,1\n2020-01-02,1\n", r"row 3, column date: 'sum' is not a time like '2020-01-01'"),
        ("date,x\n2020-01-01,1e200\n", r"a\.csv, row 2, column x: 1e\+200 is too large"),
    ],
)
def test_errors_in_a_series_name_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(written(tmp_path / "a.csv", text))


def test_columns_and_time_of_a_series_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "city,day,x,y\n" + "".join(f"Kew,{row},{row % 5},2\n" for row in range(60)))
    made = load_recipe(path, ["data.time_column=day", "data.columns=['x']"])

    assert (made.data.time_column, made.data.columns) == ("day", ("x",))
    assert prepare(made, load_registry()).series.columns == ("x",)
