"""The baselines of classifiers, compared with results computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seqshell.training.classification import baselines
from seqshell.training.classification.baselines import (
    SMOOTHING,
    STRENGTH,
    compare,
    linear,
    majority,
    make_bags,
    naive_bayes,
)


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
    monkeypatch.setitem(baselines.ORDERS, "words", (1, 1))
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
    matrix = torch.zeros(len(bags.starts) - 1, bags.num)
    matrix[torch.from_numpy(bags.rows), torch.from_numpy(bags.ids)] = 1
    return matrix / matrix.norm(dim=1, keepdim=True).clamp_min(1)


def test_the_linear_model_is_the_one_that_autograd_finds(monkeypatch):
    texts = ["aab", "abb", "bba", "aaa", "bbb", "bab"]
    labels = np.array([0, 1, 1, 0, 1, 2])
    bags = make_bags([*texts, "aabb", "ba", "b", "aaaaaaa", "babab"], "characters")
    training, others = bags.at(np.arange(6)), bags.at(np.arange(6, 11))
    monkeypatch.setattr(baselines, "ITERATIONS", 300)
    inputs, weights, bias = (
        dense(training),
        torch.zeros(bags.num, 3, requires_grad=True),
        torch.zeros(3, requires_grad=True),
    )
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        nats = torch.nn.functional.cross_entropy(inputs @ weights + bias, torch.from_numpy(labels))
        value = nats + weights.square().sum() / (2 * STRENGTH * len(texts))
        value.backward()
        return value

    optimizer.step(loss)
    scores = dense(others) @ weights + bias
    best = scores.topk(2).values
    assert (best[:, 0] - best[:, 1]).min() > 0.01  # a margin above rounding errors
    assert linear(training, labels, others, 3).tolist() == scores.argmax(1).tolist()
    assert linear(training, labels, training, 3).tolist() == labels.tolist()


def test_baselines_solve_easy_data():
    texts = [f"{letter * 3}{number}" for letter in "ab" for number in range(20)]
    labels = np.array([0] * 20 + [1] * 20)
    even, odd = np.arange(0, 40, 2), np.arange(1, 40, 2)
    metrics = compare(make_bags(texts, "characters"), labels, [(even, odd), (odd, even)], 2)

    assert metrics["naive_bayes"] == metrics["linear"] == {"accuracy": 1, "macro_recall": 1, "macro_f1": 1}
    assert metrics["majority"]["accuracy"] == 0.5
    assert metrics["majority"]["macro_f1"] == pytest.approx(1 / 3)
