"""The metrics of a classifier: accuracy, macro recall and F1, and how often each label was taken for which. How they are shown: class_tables.

Everything is counted from a confusion matrix [C, C + 1] of whole numbers: a row for each right label, a column for each that was found, and a
last column for texts that could not be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNREAD = -1  # in the place of a label that was found, where the text could not be read
Counts = NDArray[np.int64]


def confusion(right: Sequence[int], found: Sequence[int], num_classes: int) -> Counts:
    """How often each label (row) was taken for each (column); UNREAD counts in the last column."""
    columns = np.where(np.asarray(found) == UNREAD, num_classes, np.asarray(found))
    cells = np.asarray(right, np.int64) * (num_classes + 1) + columns
    return np.bincount(cells, minlength=num_classes * (num_classes + 1)).reshape(num_classes, num_classes + 1)


def class_metrics(counts: Counts) -> dict[str, float]:
    """accuracy, macro_recall and macro_f1, 0 to 1: the macro ones are plain means over the labels that the data has, however rare."""
    hits, wanted, found = _sums(counts)
    present = wanted > 0
    recalls = hits[present] / wanted[present]
    scores = 2 * hits[present] / (wanted + found)[present]  # 2 tp / (2 tp + fn + fp)
    return {
        "accuracy": float(hits.sum() / max(1, wanted.sum())),
        "macro_recall": float(recalls.mean()) if present.any() else 0.0,
        "macro_f1": float(scores.mean()) if present.any() else 0.0,
    }


def label_metrics(counts: Counts, labels: Sequence[str]) -> list[dict[str, Any]]:
    """label, items, recall, precision and f1 of every label that the data has; precision is None where the label was never found."""
    hits, wanted, found = _sums(counts)
    return [
        {
            "label": label,
            "items": int(wanted[row]),
            "recall": float(hits[row] / wanted[row]),
            "precision": float(hits[row] / found[row]) if found[row] else None,
            "f1": float(2 * hits[row] / (wanted[row] + found[row])),
        }
        for row, label in enumerate(labels)
        if wanted[row]
    ]


def _sums(counts: Counts) -> tuple[Counts, Counts, Counts]:
    """[C] of each label: how often it was found rightly, how often it is right, how often it was found."""
    num_classes = len(counts)
    return counts[:, :num_classes].diagonal(), counts.sum(axis=1), counts[:, :num_classes].sum(axis=0)
