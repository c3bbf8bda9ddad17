"""The metrics of a classifier: accuracy, macro recall, macro F1, and the same by label.

All are computed from a confusion matrix [C, C + 1] of integers: a row for each true label, a column for each predicted
label, and a last column for texts that the model could not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNREAD = -1  # predicted label of a text that the model could not read
Counts = NDArray[np.int64]


def confusion(true: Sequence[int], predicted: Sequence[int], num_classes: int) -> Counts:
    """Count how often each label (row) was predicted as each (column); UNREAD is the last column."""
    columns = np.where(np.asarray(predicted) == UNREAD, num_classes, np.asarray(predicted))
    cells = np.asarray(true, np.int64) * (num_classes + 1) + columns
    return np.bincount(cells, minlength=num_classes * (num_classes + 1)).reshape(num_classes, num_classes + 1)


def class_metrics(counts: Counts) -> dict[str, float]:
    """accuracy, macro_recall and macro_f1, 0 to 1. Macro metrics are unweighted means over the labels in the data."""
    hits, true, predicted = _sums(counts)
    present = true > 0
    recalls = hits[present] / true[present]
    scores = 2 * hits[present] / (true + predicted)[present]  # 2 tp / (2 tp + fn + fp)
    return {
        "accuracy": float(hits.sum() / max(1, true.sum())),
        "macro_recall": float(recalls.mean()) if present.any() else 0.0,
        "macro_f1": float(scores.mean()) if present.any() else 0.0,
    }


def label_metrics(counts: Counts, labels: Sequence[str]) -> list[dict[str, Any]]:
    """label, items, recall, precision and f1 of each label in the data; precision is None if it was never predicted."""
    hits, true, predicted = _sums(counts)
    return [
        {
            "label": label,
            "items": int(true[row]),
            "recall": float(hits[row] / true[row]),
            "precision": float(hits[row] / predicted[row]) if predicted[row] else None,
            "f1": float(2 * hits[row] / (true[row] + predicted[row])),
        }
        for row, label in enumerate(labels)
        if true[row]
    ]


def _sums(counts: Counts) -> tuple[Counts, Counts, Counts]:
    """By label, [C] each: correct predictions, examples, predictions."""
    num_classes = len(counts)
    return counts[:, :num_classes].diagonal(), counts.sum(axis=1), counts[:, :num_classes].sum(axis=0)
