"""The linear map of a forecaster: what it recovers, what it falls back to, and the weights of its candidates."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.training.forecasting.baselines import NLinear, last_value, seasonal
from seqshell.training.forecasting.linear import (
    LinearMap,
    fit_linear,
    posteriors,
    returns_to_level,
    typical_errors,
    variance_ratio,
)

HORIZON = 6


def fit(series, season=1, longest=30, share=0.7):
    """Fitted to the first rows, mixed on the next 15 %; returns the map and the positions of the rest."""
    first, second = int(share * len(series)), int((share + 0.15) * len(series))
    positions = np.arange(first - 1, second - HORIZON)
    found = fit_linear([series[:first]], [(series, positions)], HORIZON, season, longest)
    return found, np.arange(second - 1, len(series) - HORIZON)


def mse(forecasts, series, positions):
    targets = series[positions[:, None] + np.arange(1, HORIZON + 1)]
    return float(((forecasts - targets) ** 2).mean())


def test_a_map_is_applied_to_differences_from_the_last_value_and_to_that_value():
    """After 1, 4: 4 + 2 (1 - 4) + 3 (4) + .5 for the first column, 1 + 2 (2 - 1) + 3 (1) + .5 for the second."""
    found = LinearMap(np.array([[2.0], [3.0]]), np.array([0.5]))

    assert found(np.array([[1.0, 2.0], [4.0, 1.0]]), np.array([1])).tolist() == [[[10.5, 6.5]]]
    assert found(np.array([[1.0], [4.0]]), np.array([0])).tolist() == [[[4.5]]]  # the first row stands in


def test_two_sines_and_a_trend_are_forecast_exactly():
    times = np.arange(400)
    series = (np.sin(times / 3) + 0.5 * np.cos(times / 11) + 0.01 * times)[:, None]
    found, positions = fit(series)

    assert mse(found(series, positions), series, positions) < 1e-6


def test_an_autoregressive_process_is_forecast_as_well_as_by_its_own_coefficients():
    random, series = np.random.default_rng(0), np.zeros((3000, 1))
    for row in range(2, len(series)):
        series[row] = 1.5 * series[row - 1] - 0.7 * series[row - 2] + random.normal()
    found, positions = fit(series)
    best = np.zeros((len(positions), HORIZON + 2, 1))
    best[:, 0], best[:, 1] = series[positions - 1], series[positions]
    for step in range(2, HORIZON + 2):
        best[:, step] = 1.5 * best[:, step - 1] - 0.7 * best[:, step - 2]

    assert mse(found(series, positions), series, positions) < 1.02 * mse(best[:, 2:], series, positions)


def test_a_random_walk_is_forecast_by_the_last_value():
    series = np.cumsum(np.random.default_rng(1).normal(size=(2000, 2)), 0)
    found, positions = fit(series)
    naive = last_value(series, positions, HORIZON)

    assert np.abs(found(series, positions) - naive).mean() < 0.02
    assert mse(found(series, positions), series, positions) < 1.001 * mse(naive, series, positions)


def test_changes_that_go_on_in_their_direction_are_forecast_better_than_by_the_last_value():
    """Each change is .95 of the one before, plus noise: no level to return to, and no random walk."""
    noise = np.random.default_rng(5).normal(size=(300, 1))
    changes = np.zeros_like(noise)
    for row in range(1, len(noise)):
        changes[row] = 0.95 * changes[row - 1] + noise[row]
    series = np.cumsum(changes, 0)
    found, positions = fit(series)

    assert mse(found(series, positions), series, positions) < 0.5 * mse(
        last_value(series, positions, HORIZON), series, positions
    )


def test_a_short_noisy_season_is_forecast_better_than_by_each_baseline():
    random = np.random.default_rng(2)
    series = (np.sin(2 * np.pi * np.arange(150) / 12) + 0.3 * random.normal(size=150))[:, None]
    found, positions = fit(series, season=12)
    error = mse(found(series, positions), series, positions)
    first = NLinear(series[:105], HORIZON)

    assert error < mse(last_value(series, positions, HORIZON), series, positions)
    assert error < mse(seasonal(series, positions, HORIZON, 12), series, positions)
    assert error < mse(first(series, positions), series, positions)


def test_a_season_longer_than_the_windows_that_fit_is_repeated():
    """Noise repeats every 50 rows: no least squares of 100 rows finds that, but last season's value is exact."""
    period = np.random.default_rng(3).normal(size=(50, 1))
    series = np.tile(period, (5, 1))
    found, positions = fit(series, season=50, longest=51)

    assert mse(found(series, positions), series, positions) < 0.05


@pytest.mark.parametrize("rows", [12, 20, 40])
def test_constant_and_very_short_series_give_finite_maps(rows):
    for series in (np.zeros((rows, 1)), np.arange(float(rows))[:, None]):
        first = rows // 2
        found = fit_linear([series[:first]], [(series, np.arange(first - 1, rows - 2))], 2, 1, max(2, rows // 6))
        assert np.isfinite(found(series, np.arange(rows))).all()


@pytest.mark.parametrize("horizon", [5, 6, 8])
def test_the_last_season_is_one_of_the_candidates(horizon):
    """Six rows leave no window for least squares, and the last value is far worse on the rows that choose."""
    period = np.array([0.0, 5.0, -3.0, 8.0, -9.0])
    series = np.tile(period, 20)[:, None]
    found = fit_linear([series[:6]], [(series, np.arange(5, 80))], horizon, 5, 6)
    positions = np.arange(10, 80)

    assert found(series, positions) == pytest.approx(seasonal(series, positions, horizon, 5), abs=1e-3)


def test_candidates_are_weighted_by_their_priors_and_by_their_likelihoods():
    errors, equal = np.array([1.0, 2.0]), np.array([1.0, 1.0])

    assert posteriors(equal, errors, 0.0) == pytest.approx([1 / 2, 1 / 2])
    assert posteriors(np.array([0.5, 1.5]), errors, 0.0) == pytest.approx([1 / 4, 3 / 4])
    assert posteriors(equal, errors, 4.0) == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])
    assert posteriors(equal, errors, 1e9).tolist() == [1.0, 0.0]
    assert posteriors(equal, np.zeros(2), 4.0) == pytest.approx([1 / 2, 1 / 2])


def test_a_level_to_return_to_is_found_in_an_autoregressive_process_and_not_in_a_random_walk():
    noise = np.random.default_rng(4).normal(size=(1000, 2))
    process = np.zeros_like(noise)
    for row in range(1, len(noise)):
        process[row] = 0.9 * process[row - 1] + noise[row]

    assert returns_to_level([process], 1)
    assert not returns_to_level([np.cumsum(noise, 0)], 1)
    assert not returns_to_level([process[:12]], 1)
    assert not returns_to_level([np.zeros((100, 1))], 1)


def test_the_variance_ratio_is_1_for_a_random_walk_and_the_horizon_for_a_change_that_stays():
    noise = np.random.default_rng(6).normal(size=(20_000, 2))
    blocks = np.repeat(noise[:2000], 1000, 0)  # each change stays for 1,000 rows

    assert variance_ratio([np.cumsum(noise, 0)], 10) == pytest.approx(1, abs=0.1)
    assert variance_ratio([np.cumsum(blocks, 0)], 10) == pytest.approx(10, abs=0.5)
    assert variance_ratio([np.zeros((50, 1))], 10) == 0
    assert variance_ratio([np.zeros((5, 1))], 10) == 1


def test_the_typical_error_is_the_square_of_a_power_mean_over_forecasts():
    """The last value errs by 1 twice and by 7 once; by columns, the root of the mean square of 3 and 4."""
    last = np.zeros((2, 1))
    one, two = np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([[0.0, 0.0], [3.0, 4.0]])

    assert typical_errors([last], [(one, np.arange(3))], 1) == pytest.approx([((1 + 1 + 7**1.5) / 3) ** (2 / 1.5)])
    assert typical_errors([last], [(two, np.arange(1))], 1) == pytest.approx([12.5])
