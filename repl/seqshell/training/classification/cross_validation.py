"""Choose the strength of a linear model by cross-validation, and predict each text without having trained on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from seqshell.training.classification.linear import (
    Floats,
    Ints,
    LinearModel,
    SparseRows,
    fit,
    log_softmax,
    naive_bayes_weights,
)
from seqshell.training.classification.metrics import class_metrics, confusion

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # candidates for C, see `linear.fit`
FOLDS = 5
CHOICE_TEXTS = 2000  # texts that are enough to choose C; where one fold has as many, the others are left out
DROP = 0.005  # once the score is this far below the best, larger C are not tried
FACTORS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)  # that `mixture` tries


@dataclass(frozen=True)
class Labelled:
    """rows: [R, F], the n-grams of each text; labels: [R]; folds: [R], equal texts are in the same one.

    importance: [R], the weight of each text in training; None: all the same.
    """

    rows: SparseRows
    labels: Ints
    folds: Ints
    num_classes: int
    importance: Floats | None = None

    def at(self, chosen: Ints) -> Labelled:
        """These rows alone."""
        importance = None if self.importance is None else self.importance[chosen]
        return Labelled(self.rows.at(chosen), self.labels[chosen], self.folds[chosen], self.num_classes, importance)

    def fit(self, strength: float, start: LinearModel | None = None) -> LinearModel:
        """See `linear.fit`."""
        return fit(self.rows, self.labels, self.num_classes, strength, importance=self.importance, start=start)

    def naive_bayes(self) -> LinearModel:
        """See `linear.naive_bayes_weights`."""
        return naive_bayes_weights(self.rows, self.labels, self.num_classes)

    def parts(self) -> Iterator[tuple[Ints, Ints]]:
        """(training rows, held-out rows) of each fold."""
        for fold in np.unique(self.folds):
            known = np.flatnonzero(self.folds != fold)
            if len(known):
                yield known, np.flatnonzero(self.folds == fold)


def choose_strength(data: Labelled) -> float:
    """The C with the highest mean of accuracy and macro recall on held-out folds."""
    parts: list[tuple[Labelled, Ints]] = []
    for known, held_out in data.parts():
        parts.append((data.at(known), held_out))
        if sum(len(rows) for _, rows in parts) >= CHOICE_TEXTS:
            break
    models: list[LinearModel | None] = [None] * len(parts)
    best, chosen = -1.0, STRENGTHS[0]
    for strength in STRENGTHS:
        models = [part.fit(strength, model) for (part, _), model in zip(parts, models, strict=True)]
        found = [model.logits(data.rows.at(rows)) for model, (_, rows) in zip(models, parts, strict=True) if model]
        rows = np.concatenate([rows for _, rows in parts])
        score = _score(np.concatenate(found), data.labels[rows])
        if score < best - DROP:
            break
        if score > best:
            best, chosen = score, strength
    return chosen


def held_out_logits(data: Labelled, fitted: Callable[[Labelled], LinearModel]) -> Floats:
    """[R, C]: the logits of each text by the model that is fitted to the other folds."""
    logits = np.zeros((len(data.labels), data.num_classes))
    for known, held_out in data.parts():
        logits[held_out] = fitted(data.at(known)).logits(data.rows.at(held_out))
    return logits


def mixture(first: Floats, second: Floats, labels: Ints, importance: Floats | None = None) -> tuple[float, float]:
    """The factors with which the sum of two models' logits [R, C] of held-out texts has the lowest nats.

    importance: [R], the weight of each text.
    """
    places = np.arange(len(labels)), labels
    nats = {
        (one, other): np.average(-log_softmax(one * first + other * second)[places], weights=importance)
        for one in FACTORS[1:]
        for other in FACTORS
    }
    return min(nats, key=lambda pair: float(nats[pair]))


def _score(logits: Floats, labels: Ints) -> float:
    num_classes = logits.shape[1]
    metrics = class_metrics(confusion(labels.tolist(), logits.argmax(1).tolist(), num_classes))
    return (metrics["accuracy"] + metrics["macro_recall"]) / 2
