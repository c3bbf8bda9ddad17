"""Tables of several series: found by equal times, split and normalised one by one, trained and evaluated together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqshell.core.errors import RecipeError
from seqshell.host.builtin import load_registry
from seqshell.training.evaluation import evaluate_model
from seqshell.training.forecasting.data import SeriesData, read_series
from seqshell.training.forecasting.parts import averaged
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.recipes.settings import DataSettings

LEVELS = {"Ada": 30.0, "Bo": 3000.0}
ROWS = 60
SMALL = ["model.hidden_size=4", "training.epochs=1", "training.device=cpu", "training.precision=float32"]


def value(name: str, row: int) -> float:
    return LEVELS[name] * (1 + 0.1 * (row % 6))


def stacked(folder: Path, names=tuple(LEVELS), rows=ROWS, name="long.csv") -> Path:
    """The series one below the other, by month."""
    lines = [
        f"{each},{2000 + row // 12}-{row % 12 + 1:02},{value(each, row):g}" for each in names for row in range(rows)
    ]
    (folder / name).write_text("\n".join(["firm,month,price", *lines]) + "\n")
    return folder / name


def read(path: Path, **settings: object) -> SeriesData:
    return read_series(DataSettings(table=str(path), **settings))


def objective_of(made: Recipe):
    return prepare(made, load_registry()).objective


def test_series_one_below_the_other_are_told_apart_by_their_key(tmp_path):
    source = read(stacked(tmp_path))

    assert (source.series_column, source.time_column, source.columns) == ("firm", "month", ("price",))
    assert [(part.name, len(part), part.values[0, 0]) for part in source.parts] == [("Ada", 60, 30), ("Bo", 60, 3000)]
    assert source.understood == (
        "2 series, told apart by column firm; values in column price; times in column month, 2000-01 to 2004-12, "
        "monthly (--set data.time_column=NAME to change)",
    )


def test_interleaved_series_and_numeric_keys_are_split_too(tmp_path):
    rows = [f"2000-01-{day:02},{store},{10 * store + day}" for day in range(1, 13) for store in (1, 2)]
    (tmp_path / "a.csv").write_text("date,store,sales\n" + "\n".join(rows) + "\n")
    source = read(tmp_path / "a.csv")

    assert source.series_column == "store"
    assert [part.values[:, 0].tolist()[:3] for part in source.parts] == [[11, 12, 13], [21, 22, 23]]


def test_two_columns_may_be_the_key_together(tmp_path):
    rows = [
        f"2000-01-{day:02},{store},{item},{100 * store + 10 * item + day}"
        for store in (1, 2)
        for item in (1, 2)
        for day in range(1, 13)
    ]
    (tmp_path / "a.csv").write_text("date,store,item,sales\n" + "\n".join(rows) + "\n")
    source = read(tmp_path / "a.csv")

    assert (source.series_column, source.columns) == ("store,item", ("sales",))
    assert [(part.name, part.values[0, 0]) for part in source.parts] == [
        ("1, 1", 111),
        ("1, 2", 121),
        ("2, 1", 211),
        ("2, 2", 221),
    ]


def test_series_of_different_years_are_split_where_the_dates_go_back(tmp_path):
    rows = [f"2010-01-{day:02},new,{day}" for day in range(1, 13)] + [
        f"2000-01-{day:02},old,{day}" for day in range(1, 13)
    ]
    (tmp_path / "a.csv").write_text("date,name,x\n" + "\n".join(rows) + "\n")

    assert [part.name for part in read(tmp_path / "a.csv").parts] == ["new", "old"]


def test_the_key_can_be_named_and_a_wrong_one_is_refused(tmp_path):
    rows = [f"{name},{kind},2000-01-{day:02},{day}" for name, kind in (("a", "x"), ("b", "x")) for day in range(1, 13)]
    (tmp_path / "a.csv").write_text("name,kind,date,value\n" + "\n".join(rows) + "\n")

    assert read(tmp_path / "a.csv", series_column="name").series_column == "name"
    with pytest.raises(
        RecipeError,
        match=r"rows 2 and 14 have the same time, '2000-01-01' and the same column kind; .*data\.series_column",
    ):
        read(tmp_path / "a.csv", series_column="kind")


def test_words_beside_one_series_do_not_split_it(tmp_path):
    rows = [f"2000-01-{day:02},{'sun' if day % 3 else 'rain'},{day}" for day in range(1, 25)]
    (tmp_path / "a.csv").write_text("date,weather,x\n" + "\n".join(rows) + "\n")
    source = read(tmp_path / "a.csv")

    assert (source.series_column, len(source.parts)) == ("", 1)
    assert (
        source.understood[1]
        == "column weather is left out: 'sun' is not a number (--set data.columns=NAME,... selects columns)"
    )


def test_each_series_is_split_by_time_and_normalised_by_its_own_training_rows(tmp_path):
    objective = objective_of(load_recipe(str(stacked(tmp_path)), SMALL))

    assert objective.split == {"training": 84, "validation": 18, "test": 18}
    assert objective.data["series"] == {"Ada": [42, 9, 9], "Bo": [42, 9, 9]}
    ada, bo = objective.parts
    assert np.allclose(ada.values, bo.values, atol=1e-5)  # of the same form, on other scales
    assert abs(float(ada.training.mean())) < 1e-6
    assert [scale.name for scale in objective.series.scales] == ["Ada", "Bo"]
    assert objective.series.scales[1].mean[0] == pytest.approx(np.mean([value("Bo", row) for row in range(42)]))
    assert (objective.series.mean, objective.series.series_column) == (objective.series.scales[0].mean, "firm")
    assert objective.series.example[-1] == pytest.approx((value("Ada", 41),))


def test_a_chunk_has_rows_of_one_series_only(tmp_path):
    rows = [f"{name},{day},{sign * (day + 1)}" for name, sign in (("a", 1), ("b", -1)) for day in range(40)]
    (tmp_path / "a.csv").write_text("name,day,x\n" + "\n".join(rows) + "\n")
    objective = objective_of(load_recipe(str(tmp_path / "a.csv"), [*SMALL, "data.series_column=name"]))
    scales = {part.scale.mean[0]: part.scale for part in objective.parts}
    rising = falling = 0
    for context, inputs, targets in objective.batches(0):
        whole = np.concatenate((context[..., 0], inputs[..., 0], targets[:, -1, :, 0]), 1)
        steps = np.diff(whole, axis=1)
        rising += int((steps >= 0).all(1).sum())
        falling += int((steps <= 0).all(1).sum())

    assert len(scales) == 2
    assert rising + falling == objective.chunks.number
    assert rising == falling == objective.chunks.number // 2


def test_a_series_that_is_too_short_is_left_out_with_a_note(tmp_path):
    path = stacked(tmp_path)
    path.write_text(path.read_text() + "Cy,2000-01,5\nCy,2000-02,6\n")
    objective = objective_of(load_recipe(str(path), [*SMALL, "data.series_column=firm"]))

    assert [part.name for part in objective.parts] == ["Ada", "Bo"]
    assert "1 of 3 series left out (Cy): too short for a horizon of" in objective.description


def test_the_metrics_of_several_series_are_means_over_all_their_windows():
    one = {
        "mse": {"1": 1.0},
        "mae": {"1": 1.0},
        "windows": {"1": 30},
        "baselines": {"last_value": {"mse": {"1": 2.0}, "mae": {"1": 2.0}}},
    }
    other = {
        "mse": {"1": 5.0},
        "mae": {"1": 3.0},
        "windows": {"1": 10},
        "baselines": {"last_value": {"mse": {"1": 6.0}, "mae": {"1": 2.0}}},
    }
    found = averaged([one, other])

    assert (found["mse"], found["mae"], found["windows"]) == ({"1": 2.0}, {"1": 1.5}, {"1": 40})
    assert found["baselines"]["last_value"]["mse"] == {"1": 3.0}


def test_a_trained_model_is_evaluated_on_the_held_out_rows_of_all_series(tmp_path):
    out = tmp_path / "long.safetensors"
    list(train(load_recipe(str(stacked(tmp_path)), SMALL), load_registry(), out))
    found = evaluate_model(out, str(tmp_path / "long.csv"), load_registry())

    assert (found["data"]["items"], found["data"]["series"]) == (18, 2)
    assert found["windows"]["1"] == 18
    assert set(found["baselines"]) >= {"last_value"}


def test_an_evaluated_table_is_sorted_with_a_note(tmp_path):
    rows = [f"{day:02}/01/2000,{day % 4}" for day in range(31, 0, -1)]
    (tmp_path / "a.csv").write_text("day,x\n" + "\n".join(rows) + "\n")
    out = tmp_path / "a.safetensors"
    list(train(load_recipe(str(tmp_path / "a.csv"), SMALL), load_registry(), out))
    found = evaluate_model(out, str(tmp_path / "a.csv"), load_registry())

    assert found["data"]["notes"] == ["rows were newest first; they are sorted by time"]
    assert found["data"]["rows"] == [26, 31]
