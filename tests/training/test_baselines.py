"""The baselines of classifiers, compared with results computed by hand."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch

from seqshell.training.classification import bags as bags_module
from seqshell.training.classification import linear as linear_module
from seqshell.training.classification.bags import make_bags
from seqshell.training.classification.baselines import SMOOTHING, compare, linear, majority, naive_bayes
from seqshell.training.classification.cross_validation import (
    STRENGTHS,
    Labelled,
    choose_strength,
    held_out_logits,
    mixture,
)
from seqshell.training.classification.linear import fit, log_softmax, naive_bayes_weights, unit_rows

STRENGTH = 10.0


def grams(bags, row):
    """The counts of the n-grams in a row, without their names."""
    return sorted(bags.counts[bags.starts[row] : bags.starts[row + 1]].tolist(), reverse=True)


def shared(bags, first, second):
    rows = [set(bags.ids[bags.starts[row] : bags.starts[row + 1]].tolist()) for row in (first, second)]
    return len(rows[0] & rows[1])


def test_character_n_grams_include_the_boundaries_of_a_text():
    bags = make_bags(["abab", "ab", "ba", "x"], "characters")

    # ^a ab ba ab b$ · ^ab aba bab ab$ · ^aba abab bab$
    assert grams(bags, 0) == [2] + [1] * 10
    assert grams(bags, 1) == [1] * 6  # ^a ab b$ ^ab ab$ ^ab$
    assert shared(bags, 0, 1) == 5  # all but ^ab$
    assert shared(bags, 1, 2) == 0  # ^b ba a$ ...: the a of ab is no ba
    assert shared(bags, 0, 2) == 1  # ba
    assert grams(bags, 3) == [1, 1, 1]  # ^x x$ ^x$


def test_word_n_grams_are_lowercased_words_and_pairs():
    bags = make_bags(["Not good, not good", "good"], "words")

    # not(2) good(2) ,(1) · ^not not-good(2) good-, ,-not good$
    assert grams(bags, 0) == [2, 2, 2, 1, 1, 1, 1, 1]
    assert shared(bags, 0, 1) == 2  # good, good$


def test_rows_can_be_selected_and_n_grams_dropped():
    bags = make_bags(["ab", "abab", "x"], "characters")
    some = bags.at(np.array([2, 1]))
    kept = np.bincount(some.ids, minlength=some.num) > 0
    less = some.only(kept)

    assert grams(some, 0) == grams(bags, 2)
    assert grams(some, 1) == grams(bags, 1)
    assert less.num == kept.sum() == 14
    assert grams(less, 1) == grams(bags, 1)


def test_the_majority_is_the_most_frequent_label():
    assert majority(np.array([1, 2, 2, 0]), 3, 4).tolist() == [2, 2, 2]


def test_naive_bayes_multiplies_smoothed_frequencies(monkeypatch):
    """Labels 0: aa, 1: b b; their 1-grams are counted by hand."""
    monkeypatch.setitem(bags_module.ORDERS, "words", (1, 1))
    bags = make_bags(["a a", "b", "b", "a b", "b a a", "c"], "words")
    known, asked = np.arange(3), np.arange(3, 6)
    training = bags.at(known)
    kept = np.bincount(training.ids, minlength=bags.num) > 0
    found = naive_bayes(training.only(kept), np.array([0, 1, 1]), bags.at(asked).only(kept), 2)

    many, few = (math.log((count + SMOOTHING) / (2 + 2 * SMOOTHING)) for count in (2, 0))
    first, second = math.log(1 / 3), math.log(2 / 3)
    by_hand = [
        0 if first + many + few > second + few + many else 1,  # a b
        0 if first + few + 2 * many > second + many + 2 * few else 1,  # b a a
        0 if first > second else 1,  # c is unknown
    ]
    assert found.tolist() == by_hand == [1, 0, 1]


def dense(bags):
    """The rows of the linear model's matrix, scaled to length 1."""
    matrix = torch.zeros(len(bags.starts) - 1, bags.num, dtype=torch.float64)
    matrix[torch.from_numpy(bags.rows), torch.from_numpy(bags.ids)] = 1
    return matrix / matrix.norm(dim=1, keepdim=True).clamp_min(1)


def test_the_linear_model_is_the_one_that_autograd_finds(monkeypatch):
    monkeypatch.setattr(linear_module, "TOLERANCE", 1e-9)
    texts = ["aab", "abb", "bba", "aaa", "bbb", "bab"]
    labels = np.array([0, 1, 1, 0, 1, 2])
    bags = make_bags([*texts, "aabb", "ba", "b", "aaaaaaa", "babab"], "characters")
    training, others = bags.at(np.arange(6)), bags.at(np.arange(6, 11))
    weights = torch.zeros(bags.num, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    settings = {"max_iter": 500, "tolerance_grad": 1e-10, "tolerance_change": 1e-14, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS([weights, bias], **settings)

    def loss():
        optimizer.zero_grad()
        nats = torch.nn.functional.cross_entropy(dense(training) @ weights + bias, torch.from_numpy(labels))
        value = nats + weights.square().sum() / (2 * STRENGTH * len(texts))
        value.backward()
        return value

    optimizer.step(loss)
    model = fit(unit_rows(training), labels, 3, STRENGTH)
    assert model.weights == pytest.approx(weights.detach().numpy(), abs=1e-6)
    assert model.bias - model.bias.mean() == pytest.approx((bias - bias.mean()).detach().numpy(), abs=1e-6)

    scores = dense(others) @ weights + bias
    assert model.logits(unit_rows(others)) == pytest.approx(scores.detach().numpy(), abs=1e-5)
    assert linear(training, labels, others, 3, STRENGTH).tolist() == scores.argmax(1).tolist()
    assert linear(training, labels, training, 3, STRENGTH).tolist() == labels.tolist()


@pytest.fixture(scope="module")
def words():
    """Labelled texts of eight random words; two words speak for each label, and one label in ten is wrong."""
    draws = np.random.default_rng(0)
    chosen = draws.integers(60, size=(300, 8))
    signs = np.where(chosen < 2, 1, np.where(chosen < 4, -1, 0)).sum(1)
    labels = np.where(draws.random(300) < 0.1, 1 - (signs > 0), signs > 0).astype(np.int64)
    bags = make_bags([" ".join(f"w{word}" for word in row) for row in chosen], "words")
    return Labelled(unit_rows(bags), labels, np.arange(300) % 5, 2)


def test_the_number_of_threads_does_not_change_a_bit(words):
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append((words.fit(30.0), choose_strength(words)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for model, strength in found[1:]:
        assert np.array_equal(model.weights, found[0][0].weights)
        assert np.array_equal(model.bias, found[0][0].bias)
        assert strength == found[0][1]


def test_training_ends_where_the_gradient_vanishes(words):
    """Further iterations from the result change nothing, and a start elsewhere leads to the same model."""
    model = words.fit(10.0)
    again = words.fit(10.0, model)
    elsewhere = words.fit(10.0, words.fit(300.0))

    assert np.array_equal(again.weights, model.weights)
    assert np.abs(elsewhere.weights - model.weights).max() < 0.01 * np.abs(model.weights).max()


def test_the_strength_is_the_one_with_the_best_held_out_predictions(words):
    scores = {}
    for strength in STRENGTHS:
        logits = held_out_logits(words, partial(Labelled.fit, strength=strength))
        recalls = [(logits.argmax(1) == words.labels)[words.labels == label].mean() for label in (0, 1)]
        scores[strength] = ((logits.argmax(1) == words.labels).mean() + np.mean(recalls)) / 2

    chosen = choose_strength(words)
    assert scores[chosen] >= max(scores.values()) - 0.005
    assert scores[chosen] > 0.7


def test_no_text_is_predicted_by_a_model_that_was_trained_on_it(words):
    logits = held_out_logits(words, partial(Labelled.fit, strength=300.0))
    others = np.flatnonzero(words.folds != 2)
    by_hand = words.at(others).fit(300.0).logits(words.rows.at(np.flatnonzero(words.folds == 2)))

    assert np.array_equal(logits[words.folds == 2], by_hand)
    known = words.fit(300.0).logits(words.rows)
    assert (known.argmax(1) == words.labels).mean() > 0.95 > (logits.argmax(1) == words.labels).mean()


def test_two_models_are_mixed_with_the_factors_of_the_lowest_nats():
    """Each model knows half of the log-odds, and the first is twice as sure as it should be."""
    draws = np.random.default_rng(0)
    halves = draws.normal(size=(2, 4000)) * 2
    labels = (draws.random(4000) < 1 / (1 + np.exp(-halves.sum(0)))).astype(np.int64)
    first, second = (np.stack((np.zeros(4000), half), 1) for half in halves)

    assert mixture(2 * first, second, labels) == (0.5, 1.0)
    assert mixture(first, np.zeros((4000, 2)), labels)[0] < 1
    assert log_softmax(first).tolist() == pytest.approx(torch.from_numpy(first).log_softmax(1).numpy())


def test_the_weights_of_naive_bayes_are_smoothed_log_probabilities(monkeypatch):
    """Label 0 has the texts aa and a b, label 1 the text b; a text counts an n-gram once."""
    monkeypatch.setitem(bags_module.ORDERS, "words", (1, 1))
    model = naive_bayes_weights(unit_rows(make_bags(["a a", "a b", "b"], "words")), np.array([0, 0, 1]), 2)
    logs = [[math.log(2.5 / 4), math.log(0.5 / 2)], [math.log(1.5 / 4), math.log(1.5 / 2)]]
    by_hand = [[(row[0] - row[1]) / 2, (row[1] - row[0]) / 2] for row in logs]

    assert model.weights == pytest.approx(np.array(by_hand))
    assert model.bias.tolist() == [0, 0]


def test_baselines_solve_easy_data():
    texts = [f"{letter * 3}{number}" for letter in "ab" for number in range(20)]
    labels = np.array([0] * 20 + [1] * 20)
    even, odd = np.arange(0, 40, 2), np.arange(1, 40, 2)
    metrics = compare(make_bags(texts, "characters"), labels, np.arange(40) % 5, [(even, odd), (odd, even)], 2)

    assert metrics["naive_bayes"] == metrics["linear"] == {"accuracy": 1, "macro_recall": 1, "macro_f1": 1}
    assert metrics["majority"]["accuracy"] == 0.5
    assert metrics["majority"]["macro_f1"] == pytest.approx(1 / 3)
