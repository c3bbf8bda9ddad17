"""Training a forecaster with a linear part: it begins as the linear map, and keeps it alone if nothing is gained."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import seqshell
from seqshell.core.events import Notice
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.training.evaluation import evaluate_model
from seqshell.training.forecasting.baselines import last_value
from seqshell.training.forecasting.evaluation import forecasts
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from

RANDOM = np.random.default_rng(0)
WALK = np.cumsum(RANDOM.normal(size=400))
WAVE = np.sin(2 * np.pi * np.arange(400) / 8) + 0.1 * RANDOM.normal(size=400)


def recipe(folder: Path, values=WAVE, model=None, **training):
    (folder / "series.csv").write_text("x\n" + "".join(f"{value!r}\n" for value in values.tolist()))
    tables = {
        "task": "forecast",
        "architecture": "forecaster",
        "data": {"table": "series.csv", "columns": ["x"], "validation": 0.25, "test": 0.25},
        "model": {"hidden_size": 8, "horizon": 4, "quantiles": 3, "linear_window": 16, "window": 8, "segment": 4}
        | (model or {}),
        "training": {"epochs": 1, "batch_size": 16, "sequence_length": 4, "precision": "float32", "device": "cpu"}
        | training,
        "defaults": {"about": "It continues a series."},
    }
    return recipe_from(tables, name="series", folder=folder)


def fitted(folder: Path, **settings):
    """The objective, and a module that it has fitted."""
    prepared = prepare(recipe(folder, **settings), load_registry())
    module = prepared.new_module().eval()
    said = prepared.objective.fit(module)
    return prepared.objective, module, said


def test_the_fitted_module_forecasts_the_linear_map_alone(tmp_path):
    objective, module, said = fitted(tmp_path)
    (part,) = objective.parts
    rows = range(100, 120)
    found = forecasts(module, part.values, rows, 4)[..., 1]
    weight, bias = module.linear.weight.numpy(), module.linear.bias.numpy()
    for place, row in enumerate(rows):
        window = part.values[row - 15 : row + 1, 0].copy()
        last = window[-1]
        window[:-1] -= last
        assert found[place, :, 0] == pytest.approx(last + weight @ window + bias, abs=1e-5)

    assert said == "a linear map of the last 16 values"
    assert objective.validate(module)["mse"] < 0.05


@pytest.mark.parametrize("model", [{}, {"window": 0}, {"window": 0, "horizon": 1}])
def test_a_random_walk_is_forecast_by_the_last_value(tmp_path, model):
    objective, module, _ = fitted(tmp_path, values=WALK, model=model)
    (part,) = objective.parts
    naive = last_value(part.values, np.arange(299, 396), 4)
    found = forecasts(module, part.values, range(299, 396), 4)[..., 1]

    assert np.abs(found - naive).mean() < 0.1 * part.values.std()


def test_intervals_have_the_stated_coverage_before_any_training(tmp_path):
    objective, module, _ = fitted(tmp_path)

    assert objective.measure(module)["covered"]["4"] == pytest.approx(0.8, abs=0.07)


def test_if_training_gains_nothing_the_linear_map_is_kept_alone(tmp_path):
    out = tmp_path / "walk.safetensors"
    texts = [
        event.text
        for event in train(recipe(tmp_path, values=WALK, learning_rate=0.05), load_registry(), out)
        if isinstance(event, Notice)
    ]

    said = next(text for text in texts if text.startswith("before training, a linear map of the last"))
    linear = said.removeprefix("before training, ").partition(" is fitted")[0]
    assert f"training gained nothing beyond chance on the validation data: keeping {linear} alone" in texts
    header, weights = file.read(out)
    assert header["provenance"]["epoch"] == 0
    assert not weights["recurrent.readout.weight"].any()
    mse = evaluate_model(out, str(tmp_path / "series.csv"), load_registry())
    assert mse["mse"]["4"] < 1.02 * mse["baselines"]["last_value"]["mse"]["4"]


def test_what_a_linear_map_cannot_say_is_learned_by_the_recurrent_part(tmp_path):
    """Each value is the absolute value of a hidden one, 1 - 2 |x|: the tent map, which no linear map forecasts."""
    values = [0.3]
    while len(values) < 400:
        values.append(1 - 1.9 * abs(values[-1]))
    out = tmp_path / "tent.safetensors"
    model, training = {"horizon": 1, "segment": 1, "window": 2, "hidden_size": 16}, {"epochs": 40, "ema": 0.0}
    training |= {"learning_rate": 0.02, "warmup_steps": 0, "state_zeroing": 0.0}
    list(train(recipe(tmp_path, np.array(values), model, **training), load_registry(), out))
    metrics = file.read_header(out)["provenance"]["metrics"]

    assert metrics["mse"]["1"] < 0.2 * metrics["baselines"]["nlinear"]["mse"]["1"]


def test_the_interval_of_a_finished_model_is_calibrated_on_validation_rows(tmp_path):
    """The checkpoint covers what its module covers, and 80 % of the values that the module was calibrated on."""
    out = tmp_path / "wave.safetensors"
    list(train(recipe(tmp_path, epochs=2), load_registry(), out))
    rows = file.read_header(out)["provenance"]["split"]
    start = rows["training"]
    session = seqshell.open(str(out))
    inside = []
    for row in range(start, start + rows["validation"] - 4, 3):
        session.observe(WAVE[(0 if row == start else row - 3) : row])
        forecast = session.forecast(4)
        inside.append((forecast.low[:, 0] <= WAVE[row : row + 4]) & (WAVE[row : row + 4] <= forecast.high[:, 0]))

    assert np.mean(inside) == pytest.approx(0.8, abs=0.05)


def test_training_must_gain_one_nat_to_be_better(tmp_path):
    """Of 100 validation rows and a horizon of 4: the error must fall by the factor exp(-2 / 25)."""
    squared = prepare(recipe(tmp_path), load_registry()).objective
    assert squared.to_beat({"mse": 2.0, "mae": 1.0}) == {"mse": pytest.approx(2 * math.exp(-2 / 25))}
    absolute = prepare(recipe(tmp_path, point_loss="mae"), load_registry()).objective
    assert absolute.to_beat({"mae": 1.0, "mse": 2.0}) == {"mae": pytest.approx(math.exp(-1 / 25))}


def test_a_module_without_a_linear_part_is_not_fitted(tmp_path):
    torch.manual_seed(0)
    prepared = prepare(recipe(tmp_path, model={"linear_window": 0}), load_registry())
    module = prepared.new_module()
    before = {name: value.clone() for name, value in module.state_dict().items()}

    assert prepared.objective.fit(module) == ""
    prepared.objective.calibrate(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_stopped_training_resumes_and_gives_the_same_model(tmp_path):
    """The tent map again, with fewer epochs, stopped in one of them."""
    values = [0.3]
    while len(values) < 200:
        values.append(1 - 1.9 * abs(values[-1]))
    model = {"horizon": 1, "segment": 1, "window": 2, "hidden_size": 16}
    made = recipe(tmp_path, np.array(values), model, epochs=12, learning_rate=0.02, warmup_steps=0, ema=0.0)
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(train(made, load_registry(), whole))
    calls = iter(range(100))
    list(train(made, load_registry(), parts, stopped=lambda: next(calls) >= 5))
    texts = [event.text for event in train(made, load_registry(), parts, resume=True) if isinstance(event, Notice)]

    assert not any(text.startswith("before training") for text in texts)
    (_, first), (_, second) = file.read(whole), file.read(parts)
    assert first["recurrent.readout.weight"].any()
    assert all(np.array_equal(first[name], second[name]) for name in first)
