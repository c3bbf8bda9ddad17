"""A linear classifier: ridge regression to one target for each class, and the largest output wins.

Deterministic, and the same solution serves many labellings of the same features (Hastie et al. 2009, The Elements of
Statistical Learning, 3.4.1 and 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PENALTIES = (1e-4, 1e-2, 1.0)  # relative to the variance of a standardised feature
ROWS = 4096  # rows that are converted to float64 at once


def accuracies(
    features: NDArray[np.floating], labellings: Sequence[NDArray[np.int64]], parts: NDArray[np.int64]
) -> list[float]:
    """The accuracy on test data of a classifier for each labelling.

    features: [N, D]; labellings: classes [N] from 0; parts: [N], 0 for training, 1 for the choice of the penalty, 2 for
    the test.
    """
    training = features[parts == 0].astype(np.float64)
    mean, deviation = training.mean(0), training.std(0)
    deviation[deviation <= 1e-9 * np.maximum(1.0, np.abs(mean))] = np.inf  # what does not change predicts nothing
    classes = [int(labels.max()) + 1 for labels in labellings]
    targets = [np.eye(number)[labels] for number, labels in zip(classes, labellings, strict=True)]
    priors = [target[parts == 0].mean(0) for target in targets]
    wanted = np.concatenate([target - prior for target, prior in zip(targets, priors, strict=True)], 1)

    def scaled(part: int) -> NDArray[np.float64]:
        found: NDArray[np.float64] = (features[parts == part].astype(np.float64) - mean) / deviation
        return found

    inputs = scaled(0)
    gram, moments = inputs.T @ inputs / len(inputs), inputs.T @ wanted[parts == 0] / len(inputs)
    weights = [np.linalg.solve(gram + penalty * np.eye(len(gram)), moments) for penalty in PENALTIES]
    offset = np.concatenate(priors)
    choosing = [_scores(scaled(1) @ each + offset, labellings, classes, parts == 1) for each in weights]
    testing = [_scores(scaled(2) @ each + offset, labellings, classes, parts == 2) for each in weights]
    best = np.argmax(choosing, 0)
    return [testing[choice][number] for number, choice in enumerate(best)]


def _scores(
    outputs: NDArray[np.float64],
    labellings: Sequence[NDArray[np.int64]],
    classes: Sequence[int],
    where: NDArray[np.bool_],
) -> list[float]:
    """The share of rows whose largest output is that of their class, for each labelling. outputs: side by side."""
    ends = np.cumsum(classes)
    return [
        float((outputs[:, end - number : end].argmax(1) == labels[where]).mean())
        for end, number, labels in zip(ends, classes, labellings, strict=True)
    ]
