"""The metrics of forecasts and of the baselines beside them, compared with numbers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.training.forecasting.baselines import NLinear, find_season, last_value, seasonal
from seqshell.training.forecasting.metrics import (
    covered,
    errors,
    metrics_table,
    num_windows,
    quantile_levels,
    usual_horizons,
)

SERIES = np.array([1, 2, 4, 8, 16], np.float32)[:, None]


def test_the_error_at_a_horizon_averages_all_windows_and_steps():
    """Errors of the last value for rows 2 to 4: 2 (and 6, 14) after row 1, 4 (and 12) after row 2, 8 after row 3."""
    evaluated = range(2, 5)
    found = errors(last_value(SERIES, np.arange(1, 4), 3), SERIES, evaluated, (1, 2, 3))

    assert found["mae"] == pytest.approx({"1": (2 + 4 + 8) / 3, "2": (2 + 6 + 4 + 12) / 4, "3": (2 + 6 + 14) / 3})
    assert found["mse"] == pytest.approx(
        {"1": (4 + 16 + 64) / 3, "2": (4 + 36 + 16 + 144) / 4, "3": (4 + 36 + 196) / 3}
    )
    assert num_windows(evaluated, (1, 2, 3)) == {"1": 3, "2": 2, "3": 1}


def test_columns_have_equal_weight():
    values = np.array([[0, 0], [1, 3]], np.float32)
    found = errors(np.zeros((1, 1, 2)), values, range(1, 2), (1,))

    assert found == {"mse": {"1": 5.0}, "mae": {"1": 2.0}}


def test_an_interval_covers_its_ends():
    low, high = np.full((3, 2, 1), 4.0), np.full((3, 2, 1), 8.0)

    assert covered(low, high, SERIES, range(2, 5), (1, 2)) == {"1": pytest.approx(2 / 3), "2": pytest.approx(3 / 4)}


def test_the_seasonal_baseline_repeats_the_last_season():
    found = seasonal(np.arange(10.0)[:, None], np.array([5, 1]), 7, season=3)

    assert found[0, :, 0].tolist() == [3, 4, 5, 3, 4, 5, 3]
    assert found[1, :, 0].tolist() == [0, 0, 1, 0, 0, 1, 0]  # the first value replaces the values before it


@pytest.mark.parametrize("season", [4, 7, 24])
def test_a_season_is_detected(season):
    draws = np.random.default_rng(0)
    rows = np.arange(400)
    series = np.sin(2 * np.pi * rows / season) + 0.01 * rows + 0.1 * draws.normal(size=400)

    assert find_season(series[:, None]) == season


def test_a_season_in_the_level_is_detected_if_changes_are_noise():
    rows, draws = np.arange(900), np.random.default_rng(0)
    series = np.sin(2 * np.pi * rows / 120) - 0.01 * rows + 0.5 * draws.normal(size=900)

    assert find_season(series[:, None]) == pytest.approx(120, abs=6)
    other = np.where(rows % 8 == 0, 5, 0) + 0.1 * np.sin(2 * np.pi * rows / 16)
    assert find_season(np.stack([other, other], 1)) == 8


def test_a_clear_season_in_the_level_counts_before_a_weak_one_in_the_changes():
    """Weekly values of 12 years: a yearly season, and noise that repeats every 3 weeks."""
    rows, draws = np.arange(12 * 52), np.random.default_rng(0)
    series = np.sin(2 * np.pi * rows / 52) + 0.01 * rows + 0.1 * np.where(rows % 3, draws.normal(size=len(rows)), 1)

    assert find_season(series[:, None]) == 52


@pytest.mark.parametrize(
    "values",
    [np.arange(100.0), np.random.default_rng(1).normal(size=500), np.random.default_rng(1).normal(size=500).cumsum()],
)
def test_series_without_repetition_have_no_season(values):
    assert find_season(values[:, None]) == 1


def test_a_short_series_has_no_season():
    assert find_season(np.arange(4.0)[:, None]) == 1
    assert find_season(np.ones((100, 1))) == 1
    assert find_season(np.full((100, 1), 0.1)) == 1
    assert find_season(np.ones((1, 1))) == 1


def test_nlinear_learns_a_linear_rule():
    """A wave is a linear rule of its last three values: x[t + 1] = (1 + 2 cos w) (x[t] - x[t - 1]) + x[t - 2]."""
    values = 3 + np.sin(0.7 * np.arange(200))[:, None]
    fitted = NLinear(values[:150], horizon=5, window=3)

    assert np.abs(fitted(values, np.array([180]))[0] - values[181:186]).max() < 0.01


def test_nlinear_is_least_squares_over_all_windows_of_its_rows():
    draws = np.random.default_rng(0)
    values = draws.normal(size=(60, 2)).cumsum(0)
    fitted = NLinear(values, horizon=3, window=4)
    inputs, targets = [], []
    for column in values.T:
        for position in range(3, 57):
            inputs.append([*(column[position - 3 : position + 1] - column[position]), 1])
            targets.append(column[position + 1 : position + 4] - column[position])
    weights = np.linalg.lstsq(np.array(inputs), np.array(targets), rcond=None)[0]
    window = values[37:41, 1]
    expected = [*(window - window[-1]), 1] @ weights + window[-1]

    assert np.allclose(fitted(values, np.array([40]))[0, :, 1], expected, atol=1e-3)


def test_usual_horizons_are_fractions_of_the_models_horizon():
    assert usual_horizons(96) == (1, 24, 48, 96)
    assert usual_horizons(3) == (1, 3)
    assert usual_horizons(1) == (1, 6, 12, 24)  # stepped on its own forecasts


def test_quantiles_are_spread_evenly_over_the_interval():
    assert quantile_levels(1, 0.8) == ()
    assert quantile_levels(3, 0.8) == (0.1, 0.5, 0.9)
    assert quantile_levels(5, 0.8) == (0.1, 0.3, 0.5, 0.7, 0.9)


def test_the_table_has_a_row_for_the_model_and_each_baseline():
    metrics = {"mse": {"1": 0.5, "2": 1.0}, "mae": {"1": 0.25, "2": 0.75}}
    table = metrics_table(
        "oil", {**metrics, "season": 24, "baselines": {"last_value": metrics, "seasonal_naive": metrics}}
    )

    assert table.columns == ("", "MSE 1", "MSE 2", "MAE 1", "MAE 2")
    assert table.rows[0] == ("oil", "0.5000", "1.0000", "0.2500", "0.7500")
    assert [row[0] for row in table.rows] == ["oil", "last value", "last season (24 steps)"]
