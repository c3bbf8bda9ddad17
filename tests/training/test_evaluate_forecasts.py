"""Evaluating forecasters: the metrics after training, other files, rows and horizons, and the output."""

from __future__ import annotations

import json

import pytest
from tests.training.waves import WAVE, trained

from seqshell.cli import main
from seqshell.core.errors import RecipeError, UsageError
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.training.evaluation import evaluate_model
from seqshell.training.forecasting.evaluation import ForecastOptions
from seqshell.training.forecasting.metrics import draw_errors


def test_metrics_after_training_equal_those_of_evaluate_on_its_file(tmp_path):
    out = trained(tmp_path)
    metrics = file.read_header(out)["provenance"]["metrics"]
    values = evaluate_model(out, str(tmp_path / "wave.csv"), load_registry())

    assert values["data"] == {**values["data"], "name": "wave.csv", "items": 16, "rows": [100, 116]}
    for kind in ("mse", "mae"):
        assert values[kind] == pytest.approx(metrics[kind], abs=1e-6)
    assert values["windows"] == {"1": 16, "2": 15, "4": 13}
    assert values["baselines"]["nlinear"]["mse"] == pytest.approx(metrics["baselines"]["nlinear"]["mse"])
    assert values["interval"] == pytest.approx(0.8)
    assert set(values["covered"]) == {"1", "2", "4"}


def test_another_file_is_evaluated_whole_and_nothing_is_fitted_to_it(tmp_path):
    out = trained(tmp_path)
    (tmp_path / "other.csv").write_text("x,y\n" + "".join(f"{value + 1},0\n" for value in WAVE[:40]))
    values = evaluate_model(out, str(tmp_path / "other.csv"), load_registry())

    assert values["data"]["rows"] == [0, 40]
    assert values["windows"]["4"] == 36  # nothing forecasts the first row
    assert set(values["baselines"]) == {"last_value", "seasonal_naive"}


def test_rows_horizons_and_columns_can_be_chosen(tmp_path):
    out = trained(tmp_path)
    (tmp_path / "other.csv").write_text("y\n" + "".join(f"{value}\n" for value in WAVE))
    options = ForecastOptions(rows="100:116", horizons="4,2", columns="y")
    values = evaluate_model(out, str(tmp_path / "other.csv"), load_registry(), options=options)

    usual = evaluate_model(out, str(tmp_path / "wave.csv"), load_registry())
    assert list(values["mse"]) == ["2", "4"]
    assert values["mse"] == pytest.approx({name: usual["mse"][name] for name in ("2", "4")})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (ForecastOptions(horizons="5"), RecipeError, "a horizon of 5 is too long: the model forecasts 4 steps"),
        (
            ForecastOptions(horizons="soon"),
            UsageError,
            "--horizons needs whole numbers such as 24,96, not 'soon'",
        ),
        (ForecastOptions(rows="100:102"), RecipeError, ""),
        (ForecastOptions(rows="100:121"), UsageError, "--rows needs START:END within 0:120, not '100:121'"),
        (ForecastOptions(rows="100"), UsageError, "--rows needs START:END"),
        (ForecastOptions(columns="x,hour"), RecipeError, "'hour' is the time column"),
        (ForecastOptions(columns="z"), RecipeError, "no column 'z'; select one of 'hour', 'x' with --columns"),
    ],
)
def test_invalid_options_are_reported(tmp_path, options, error, message):
    out = trained(tmp_path)
    if message:
        with pytest.raises(error, match=message):
            evaluate_model(out, str(tmp_path / "wave.csv"), load_registry(), options=options)
    else:
        assert set(evaluate_model(out, str(tmp_path / "wave.csv"), load_registry(), options=options)["mse"]) == {
            "1",
            "2",
        }


def test_evaluate_prints_a_table_or_an_object(tmp_path, capsys):
    out = trained(tmp_path)
    assert main(["evaluate", str(out), str(tmp_path / "wave.csv")]) == 0
    output = capsys.readouterr().out
    assert output.startswith("wave on wave.csv, 16 rows from row 100 (counted from 0)\n")
    assert all(
        name in output
        for name in (
            "MSE 4",
            "MAE 4",
            "last value",
            "last season (8 steps)",
            "NLinear, least squares",
            "values inside the 80 % interval",
        )
    )

    assert main(["evaluate", str(out), str(tmp_path / "wave.csv"), "--json", "--horizons", "4"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["model"], values["task"], list(values["mse"])) == ("wave", "forecast", ["4"])


def test_o_writes_the_errors_by_horizon_as_a_picture_or_as_json(tmp_path, capsys):
    out = trained(tmp_path)
    for name in ("errors.png", "errors.json"):
        assert main(["evaluate", str(out), str(tmp_path / "wave.csv"), "-o", str(tmp_path / name)]) == 0

    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")
    values = json.loads((tmp_path / "errors.json").read_text())
    for axes, kind in zip(draw_errors(values).axes, ("mse", "mae"), strict=True):
        curves = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        assert list(curves) == ["wave", "last value", "last season (8 steps)", "NLinear, least squares"]
        assert curves["wave"] == [[int(horizon), error] for horizon, error in values[kind].items()]
