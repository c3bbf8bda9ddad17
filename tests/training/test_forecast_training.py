"""Training on series: the rows used, no leaks from the future, the loss, and a trained model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.waves import ROWS, WAVE, recipe, trained

import seqshell
from seqshell.core.errors import RecipeError
from seqshell.core.events import Table
from seqshell.host.builtin import load_registry
from seqshell.training.forecasting.evaluation import forecasts, measure
from seqshell.training.forecasting.objective import forecast_loss
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.run import Run


def objective_of(folder: Path, *arguments, **settings):
    return prepare(recipe(folder, *arguments, **settings), load_registry()).objective


# The data


def test_each_training_row_followed_by_a_horizon_is_used_once_per_epoch(tmp_path):
    values = [float(row) for row in range(ROWS)]
    objective = objective_of(tmp_path, values, batch_size=7, sequence_length=4)
    batches = list(objective.batches(order=5))
    rows = [
        np.rint(objective.scale.restored(part)[..., 0]).astype(int)
        for part in (np.concatenate(group) for group in zip(*batches, strict=True))
    ]
    context, inputs, targets = rows

    assert len(batches) == objective.num_batches == 3
    assert sorted(inputs.ravel()) == list(range(76))  # of 80 rows, the last position is followed by 4 rows
    assert (targets == inputs[..., None] + [1, 2, 3, 4]).all()
    assert (context == np.maximum(inputs[:, :1] + np.arange(-8, 0), 0)).all()
    assert [len(batch[1]) for batch in batches] == [7, 7, 5]


def test_epochs_differ_in_their_order_and_can_be_resumed(tmp_path):
    objective = objective_of(tmp_path)
    first, again, other = (list(objective.batches(order)) for order in (1, 1, 2))

    assert all(np.array_equal(one[1], same[1]) for one, same in zip(first, again, strict=True))
    assert not np.array_equal(first[0][1], other[0][1])
    assert np.array_equal(next(objective.batches(1, first=1))[2], first[1][2])


def test_state_zeroing_shortens_the_context(tmp_path):
    values = [float(row) for row in range(ROWS)]
    objective = objective_of(tmp_path, values, state_zeroing=1.0)
    context, inputs, _ = (np.rint(objective.scale.restored(part)[..., 0]) for part in next(objective.batches(0)))
    repeats = (context == context[:, :1]).sum(1)

    assert len(set(repeats)) > 2
    assert (np.diff(np.concatenate((context, inputs), 1)) <= 1).all()


def test_nothing_is_fitted_to_validation_or_test_rows(tmp_path):
    """Later rows change neither mean, deviation, season and example, nor any batch of an epoch."""
    plain = objective_of(tmp_path)
    batches = [part for batch in plain.batches(3) for part in batch]
    series, season = plain.series, plain.season
    changed = objective_of(tmp_path, [*WAVE[:80], *(1000.0 * value for value in WAVE[80:])])

    assert changed.series == series
    assert changed.season == season == 8
    for one, other in zip(batches, (part for batch in changed.batches(3) for part in batch), strict=True):
        assert np.array_equal(one, other)
    assert series.mean == pytest.approx((np.mean(WAVE[:80]),))
    assert series.std == pytest.approx((np.std(WAVE[:80]),))


@pytest.mark.parametrize("model", [{}, {"window": 0, "cell": "lstm"}, {"window": 0, "horizon": 1}])
def test_forecasts_and_baselines_do_not_see_the_future(tmp_path, model):
    """Forecasts for rows up to 104 do not depend on rows after 100, and fitted baselines not on rows after 80."""
    objective = objective_of(tmp_path, model=model)
    module = prepare(recipe(tmp_path, model=model), load_registry()).new_module().eval()
    values, changed = objective.parts[0].values, objective.parts[0].values.copy()
    changed[101:] += 5

    assert np.array_equal(forecasts(module, values, range(90, 101), 4), forecasts(module, changed, range(90, 101), 4))
    before = measure(module, values, range(90, 101), horizons=(4,), training=range(80), season=8)
    assert measure(module, changed, range(90, 101), horizons=(4,), training=range(80), season=8) == before
    assert set(before["baselines"]) == {"last_value", "seasonal_naive", "nlinear"}


@pytest.mark.parametrize("model", [{}, {"window": 0}])
def test_forecasts_at_many_rows_equal_reading_up_to_each(tmp_path, model, monkeypatch):
    monkeypatch.setattr("seqshell.training.forecasting.evaluation.POSITIONS", 7)
    objective = objective_of(tmp_path, model=model)
    module = prepare(recipe(tmp_path, model=model), load_registry()).new_module().eval()
    found = forecasts(module, objective.parts[0].values, range(30, 50), 3)

    for place, row in enumerate(found):
        with torch.inference_mode():
            alone = module(torch.from_numpy(objective.parts[0].values[None, : 31 + place]), module.initial_state(1))[0][
                0, -1, :3
            ].numpy()
        assert np.allclose(row, alone, atol=1e-5)


def test_a_one_step_model_reads_its_own_forecasts(tmp_path):
    objective = objective_of(tmp_path, model={"window": 0, "horizon": 1})
    module = prepare(recipe(tmp_path, model={"window": 0, "horizon": 1}), load_registry()).new_module().eval()
    found = forecasts(module, objective.parts[0].values, range(40, 42), 3)[1, :, 0, 1]
    series = objective.parts[0].values[:42, 0].tolist()
    for _ in range(3):
        with torch.inference_mode():
            outputs = module(torch.tensor(series)[None, :, None], module.initial_state(1))[0]
        series.append(outputs[0, -1, 0, 0, 1].item())

    assert found == pytest.approx(series[-3:], abs=1e-5)


def test_the_example_is_the_end_of_the_training_rows_or_the_recipes(tmp_path):
    (tmp_path / "made-up.csv").write_text("hour,x\n" + "".join(f"{row},{row}.123456\n" for row in range(20)))
    plain = objective_of(tmp_path)
    other = objective_of(tmp_path, data={"example": "made-up.csv"})

    assert plain.series.example == pytest.approx(
        np.array(WAVE[72:80])[:, None], abs=0.01
    )  # as many as fit into the window
    assert plain.examples() == ("10 12.12 13 12.12 10 7.879 7 7.879",)
    assert (plain.series.example_times, other.series.example_times) == (("72", "73", "74"), ())
    assert other.series.example[0] == (12.12,)
    assert other.series.example[-1] == (19.12,)
    assert objective_of(tmp_path, model={"window": 0, "horizon": 6}).series.example == pytest.approx(
        np.array(WAVE[68:80])[:, None], abs=0.01
    )


# The loss


def test_the_loss_of_the_point_is_its_mean_squared_or_absolute_error():
    outputs = torch.tensor([1.0, 5.0]).reshape(1, 1, 2, 1, 1)
    targets = torch.tensor([2.0, 2.0]).reshape(1, 1, 2, 1)

    assert forecast_loss(outputs, targets, "mse", ()).item() == pytest.approx((1 + 9) / 2)
    assert forecast_loss(outputs, targets, "mae", ()).item() == pytest.approx((1 + 3) / 2)


def test_the_quantile_loss_weighs_errors_by_the_level():
    """Level .1: 2 above 1 costs .1 * 1; level .9: 2 below 4 costs .1 * 2; both added to the error of the point."""
    outputs = torch.tensor([1.0, 2.5, 4.0]).reshape(1, 1, 1, 1, 3)
    targets = torch.tensor([2.0]).reshape(1, 1, 1, 1)

    assert forecast_loss(outputs, targets, "mse", (0.1, 0.5, 0.9)).item() == pytest.approx(0.25 + 0.1 + 0.2)
    assert forecast_loss(outputs, targets + 3, "mae", (0.1, 0.5, 0.9)).item() == pytest.approx(2.5 + 0.4 + 0.9)


# Training


@pytest.mark.parametrize("model", [{}, {"window": 0, "cell": "lstm"}])
def test_an_interrupted_training_resumes_bit_for_bit(tmp_path, model):
    registry = load_registry()
    whole = Run(prepare(recipe(tmp_path, model=model), registry), tmp_path / "whole")
    list(whole.epochs())
    run = Run(prepare(recipe(tmp_path, model=model), registry), tmp_path / "parts")
    for number, _ in enumerate(run.epochs()):
        if number == 3:
            break
    run.write()
    again = Run(prepare(recipe(tmp_path, model=model), registry), tmp_path / "parts")
    again.restore()
    list(again.epochs())

    assert again.progress.history[-1]["validation"] == whole.progress.history[-1]["validation"]
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(tensor, again.module.state_dict()[name]), name


@pytest.mark.parametrize(("model", "length"), [({}, 1), ({"window": 0, "quantiles": 1, "cell": "lstm"}, 16)])
def test_a_trained_model_continues_a_wave(tmp_path, model, length):
    out = tmp_path / "wave.safetensors"
    settings = {
        "epochs": 12,
        "sequence_length": length,
        "batch_size": 6 // length + 1,
        "learning_rate": 0.03,
        "ema": 0.9,
        "sample_every": 0,
    }
    events = list(train(recipe(tmp_path, model={"hidden_size": 16, **model}, **settings), load_registry(), out))
    session = seqshell.open(out)
    series = session.model.series
    (table,) = (event for event in events if isinstance(event, Table))

    assert series.columns == ("x",)
    assert series.horizon == 4
    assert series.quantiles == (() if model else (0.1, 0.5, 0.9))
    assert series.time_column == "hour"
    normalised = ((np.array(WAVE[:100]) - series.mean[0]) / series.std[0]).astype(np.float32)
    outputs, _ = session.model.decoder.feed(normalised[None, :, None], session.model.decoder.initial_state(1))
    point = outputs[0, :, 0, outputs.shape[-1] // 2] * series.std[0] + series.mean[0]
    assert np.abs(point - WAVE[100:104]).max() < 1
    provenance = session.model.header["provenance"]
    assert provenance["split"] == {"training": 80, "validation": 20, "test": 16}
    assert provenance["data"]["season"] == 8
    metrics = provenance["metrics"]
    assert metrics["mse"]["4"] < 0.1 * metrics["baselines"]["last_value"]["mse"]["4"]
    assert table.rows[0][0] == "wave"
    assert str(tmp_path) not in provenance["recipe"]


def test_several_columns_are_forecast_together(tmp_path):
    (tmp_path / "two.csv").write_text("a,b\n" + "".join(f"{value},{2 * value + 1}\n" for value in WAVE))
    out = trained(tmp_path, data={"table": str(tmp_path / "two.csv"), "time_column": ""})
    session = seqshell.open(out)

    assert session.model.series.columns == ("a", "b")
    assert session.model.decoder.initial_state(1).values.shape == (1, 8, 2)
    assert "2 columns" not in session.model.header["about"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"columns": ["y"]}}, r"wave\.csv, row 1: no column 'y'"),
        (
            {"data": {"ends": [80, 90]}, "model": {"horizon": 12}},
            r"wave\.csv is too short: 10 rows for validation; a horizon of 12 needs 12",
        ),
        ({"model": {"window": 9}}, r"window must be a multiple of segment"),
        ({"model": {"num_features": 3}}, r"model\.num_features is filled in from the data"),
        ({"data": {"table": ""}}, r"data\.table is missing"),
    ],
)
def test_invalid_recipes_are_reported(tmp_path, change, message):
    with pytest.raises(RecipeError, match=message):
        prepare(recipe(tmp_path, **change), load_registry())


def test_a_short_series_gets_smaller_batches(tmp_path):
    objective = objective_of(tmp_path, batch_size=64, sequence_length=128)

    assert (objective.chunks.length, objective.chunks.batch_size) == (19, 4)
    assert "the series is short: using batches of 4 x 19 rows" in objective.description
    assert sum(len(batch[1]) for batch in objective.batches(0)) == 4
