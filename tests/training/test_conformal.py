"""Factors of a forecast's interval: they give the stated coverage, on new data too."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.training.forecasting.conformal import distance_factors, quantile

LEVELS = (0.1, 0.5, 0.9)


def outputs_of(num, random, horizon=3, columns=2):
    """Points of 0 with quantiles at random distances, and errors that are 4 and 2 times these distances."""
    distances = random.uniform(0.5, 2, (num, horizon, columns, 1))
    outputs = np.concatenate((-distances, np.zeros_like(distances), distances), -1)
    errors = random.normal(size=(num, horizon, columns))
    return outputs, np.where(errors < 0, 4 * errors, 2 * errors) * distances[..., 0] * np.array([[1.0], [3.0], [9.0]])


def test_factors_give_the_stated_coverage_on_exchangeable_data():
    random = np.random.default_rng(0)
    outputs, targets = outputs_of(4000, random)
    factors = distance_factors(outputs, targets, LEVELS)
    outputs, targets = outputs_of(4000, random)
    low, high = (factors[..., place] * outputs[..., place] for place in (0, 2))

    assert factors[..., 1].tolist() == np.ones((3, 2)).tolist()
    assert factors[:, 0, 2] == pytest.approx(1.2816 * 2 * np.array([1, 3, 9]), rel=0.08)  # of the normal distribution
    assert factors[:, 0, 0] == pytest.approx(1.2816 * 4 * np.array([1, 3, 9]), rel=0.08)
    for step in range(3):
        assert (targets[:, step] < low[:, step]).mean() == pytest.approx(0.1, abs=0.01)
        assert (targets[:, step] > high[:, step]).mean() == pytest.approx(0.1, abs=0.01)


def test_few_rows_give_wider_intervals_so_that_they_do_not_cover_too_little():
    random, shares = np.random.default_rng(1), []
    for _ in range(200):
        outputs, targets = outputs_of(19, random)
        factors = distance_factors(outputs, targets, LEVELS)
        outputs, targets = outputs_of(20, random)
        low, high = (factors[..., place] * outputs[..., place] for place in (0, 2))
        shares.append(((low <= targets) & (targets <= high)).mean())

    assert 0.8 < np.mean(shares) < 0.9


def test_a_quantile_is_the_smallest_value_with_enough_values_below():
    values = np.array([3.0, 1.0, 2.0, 1.0])

    assert [quantile(values, level) for level in (0.0, 0.1, 0.5, 0.6, 0.75, 0.9, 1.2)] == [1, 1, 1, 2, 2, 3, 3]
