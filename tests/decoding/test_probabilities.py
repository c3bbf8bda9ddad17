"""Log-probabilities, rank and entropy of a row of outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from seqshell.decoding.candidates import log_totals
from seqshell.decoding.probabilities import entropy, log_probs, rank

rows = some.lists(some.floats(-50, 50) | some.just(-math.inf), min_size=1, max_size=9).filter(
    lambda row: max(row) > -math.inf
)


@given(rows)
def test_log_probs_are_the_logits_minus_the_logarithm_of_the_sum_of_their_exponentials(row):
    total = math.log(math.fsum(math.exp(value) for value in row))
    np.testing.assert_allclose(log_probs(np.array(row)), [value - total for value in row], atol=1e-9)


def test_log_probs_are_float64_over_the_last_axis_and_do_not_modify_the_logits():
    logits = np.array([[1000, 1000], [0, 1]], np.float32)
    found = log_probs(logits)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[0], [-math.log(2)] * 2)
    np.testing.assert_allclose(np.exp(found).sum(-1), 1)
    assert logits[0, 0] == 1000


@given(rows)
def test_ranks_order_tokens_by_falling_logit_then_by_id(row):
    falling = sorted(range(len(row)), key=lambda token: (-row[token], token))
    assert [rank(np.array(row), token) for token in falling] == list(range(len(row)))


def test_entropy_matches_known_distributions():
    assert entropy(np.zeros(6, np.float32)) == pytest.approx(math.log(6))
    assert entropy(np.array([5, -np.inf])) == 0
    assert math.copysign(1, entropy(np.array([5, -np.inf]))) == 1
    assert entropy(np.log([0.5, 0.25, 0.25])) == pytest.approx(1.5 * math.log(2))


def test_logits_at_the_limits_of_float32_have_probabilities_without_a_warning():
    """Warnings are errors in these tests."""
    logits = np.array([[3.4e38, -3.4e38, 0]], np.float32)

    assert np.exp(log_probs(logits)).tolist() == [[1, 0, 0]]
    assert log_totals(logits).tolist() == [float(logits[0, 0])]
