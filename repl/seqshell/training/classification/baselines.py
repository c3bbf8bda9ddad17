"""Baselines for a classifier: the majority label, naive Bayes over n-grams, and a linear model over a bag of n-grams.

The n-grams are of characters (2 to 4, text boundaries included) or of words (1 and 2), whichever the model reads.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from seqshell.training.classification.bags import ORDERS, Bags, Ints, frequent
from seqshell.training.classification.cross_validation import Labelled, choose_strength
from seqshell.training.classification.linear import fit, unit_rows
from seqshell.training.classification.metrics import class_metrics, confusion

MAX_CELLS = 20_000_000  # n-grams times labels; above, the rarest n-grams are dropped
SMOOTHING = 0.15  # naive Bayes adds this to each count


def majority(labels: Ints, num_rows: int, num_classes: int) -> Ints:
    """The most frequent of `labels`, for each of num_rows texts."""
    return np.full(num_rows, np.bincount(labels, minlength=num_classes).argmax())


def naive_bayes(training: Bags, labels: Ints, others: Bags, num_classes: int) -> Ints:
    """Predict a label [R] for each of the others by naive Bayes: argmax of log p(label) + sum of log p(n-gram | label).

    labels: of the training rows. Both bags use the same n-gram ids; n-grams that are not in the training data are
    ignored. Manning et al. 2008, Introduction to Information Retrieval, chapter 13.
    """
    cells = labels[training.rows] * training.num + training.ids
    table = np.bincount(cells, weights=training.counts, minlength=num_classes * training.num).reshape(
        num_classes, training.num
    )
    logs = np.log((table + SMOOTHING) / (table.sum(axis=1, keepdims=True) + SMOOTHING * training.num))  # [C, F]
    priors = np.log(np.maximum(np.bincount(labels, minlength=num_classes), 1e-300) / len(labels))
    size = len(others.starts) - 1
    scores = [np.bincount(others.rows, weights=others.counts * each[others.ids], minlength=size) for each in logs]
    found: Ints = (np.stack(scores, axis=1) + priors).argmax(axis=1)
    return found


def linear(training: Bags, labels: Ints, others: Bags, num_classes: int, strength: float) -> Ints:
    """Predict a label [R] for each of the others by logistic regression over n-gram sets, rows scaled to length 1.

    strength: C, see `linear.fit`.
    """
    found: Ints = fit(unit_rows(training), labels, num_classes, strength).logits(unit_rows(others)).argmax(1)
    return found


def compare(
    bags: Bags, labels: Ints, folds: Ints, parts: Iterable[tuple[Ints, Ints]], num_classes: int
) -> dict[str, dict[str, float]]:
    """The metrics of each baseline by name, over all `parts`: (training rows, rows to predict). labels: of all rows.

    folds: [R], of the cross-validation on the first part's training rows that chooses the strength of the linear model.
    """
    strength = 0.0
    predicted: dict[str, list[Ints]] = {"majority": [], "naive_bayes": [], "linear": []}
    true: list[Ints] = []
    for known, others in parts:
        training = bags.at(known)
        kept = frequent(training, MAX_CELLS // num_classes)
        training, tested = training.only(kept), bags.at(others).only(kept)
        if not strength:
            strength = choose_strength(Labelled(unit_rows(training), labels[known], folds[known], num_classes))
        true.append(labels[others])
        predicted["majority"].append(majority(labels[known], len(others), num_classes))
        predicted["naive_bayes"].append(naive_bayes(training, labels[known], tested, num_classes))
        predicted["linear"].append(linear(training, labels[known], tested, num_classes, strength))
    expected = np.concatenate(true).tolist()
    return {
        name: class_metrics(confusion(expected, np.concatenate(each).tolist(), num_classes))
        for name, each in predicted.items()
    }


def titles(unit: str) -> dict[str, str]:
    """The baselines' titles by name."""
    grams = f"{unit[:-1]} {ORDERS[unit][0]}- to {ORDERS[unit][1]}-grams"
    return {"majority": "majority label", "naive_bayes": f"naive Bayes, {grams}", "linear": f"linear, {grams}"}
