"""The AUC of units for labels of tokens, exact with ties, and what chance gives."""

import numpy as np
import pytest

from seqshell.inspect.ranking import SHIFTS, Ranking, aucs, ranks, shifted


def by_pairs(values, labels):
    """The AUC by its definition: every token inside against every token outside."""
    differences = values[labels][:, None] - values[~labels][None]
    return ((differences > 0) + 0.5 * (differences == 0)).mean()


def ranked(values, labels):
    found = Ranking([f"u[{number}]" for number in range(len(values))], values, labels)
    for _ in found.steps():
        pass
    return found


@pytest.mark.parametrize("kinds", [2, 5, 10**6])
def test_the_auc_is_the_share_of_pairs_in_order_where_a_tie_counts_as_a_half(kinds):
    random = np.random.default_rng(kinds)
    values = random.integers(0, kinds, (4, 60)).astype(np.float32)
    labels = random.random((3, 60)) < 0.3
    expected = [[by_pairs(row, each) for each in labels] for row in values]
    np.testing.assert_allclose(aucs(values, labels), expected, rtol=0, atol=1e-12)


def test_equal_values_share_the_mean_of_their_ranks_and_infinite_ones_are_at_the_ends():
    assert ranks(np.array([3.0, 1.0, 3.0, -np.inf, np.inf])).tolist() == [3.5, 2, 3.5, 1, 5]


def test_a_unit_that_is_smaller_inside_has_a_sign_and_one_that_never_changes_has_a_half():
    labels = np.arange(40) % 4 == 0
    values = np.stack([np.zeros(40), -labels.astype(float), np.where(labels, 5, np.arange(40) % 7)])
    best = ranked(values, labels).best()
    assert [(each.unit, each.auc, each.sign) for each in best[::2]] == [("u[1]", 1.0, -1), ("u[0]", 0.5, 1)]
    assert (best[0].inside, best[0].outside) == (-1.0, 0.0)


def test_moved_labels_keep_their_number_and_their_runs():
    labels = np.zeros(210, bool)
    labels[20:50] = labels[100:110] = True
    moved = shifted(labels)
    assert moved.shape == (SHIFTS, 210)
    assert (moved.sum(1) == 40).all()
    runs = (moved & ~np.roll(moved, 1, axis=1)).sum(1)
    assert (runs == 2).all()
    assert len({row.tobytes() for row in moved} | {labels.tobytes()}) == SHIFTS + 1


def test_random_labels_are_told_no_better_than_by_chance_and_planted_ones_much_better():
    random = np.random.default_rng(0)
    values, labels = random.normal(size=(100, 1000)), random.random(1000) < 0.3
    found = ranked(values, labels)
    assert len(found.chance()) == SHIFTS
    assert found.best()[0].auc < max(found.chance()) < 0.6
    values[7] += labels
    assert ranked(values, labels).best()[0].auc > 0.7
