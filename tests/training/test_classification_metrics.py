"""The metrics of a classifier, compared with results computed by hand, and their tables."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.training.classification.metrics import UNREAD, class_metrics, confusion, label_metrics
from seqshell.training.classification.tables import confusion_table, cut, labels_table, metrics_table, write_png

# Five cats: two correct, one predicted as dog, one as bird, one unread. Two dogs: one predicted as cat. No birds.
TRUE = [0, 0, 0, 0, 0, 1, 1]
PREDICTED = [0, 0, 1, UNREAD, 2, 1, 0]
LABELS = ("cat", "dog", "bird")
VALUES = {
    "model": "tiny",
    "accuracy": 3 / 7,
    "by_label": label_metrics(confusion(TRUE, PREDICTED, 3), LABELS),
    "confusion": {"labels": list(LABELS), "counts": confusion(TRUE, PREDICTED, 3)[:, :-1].tolist()},
}


def test_confusions_are_counted():
    assert confusion(TRUE, PREDICTED, 3).tolist() == [[2, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_macro_metrics_are_means_over_the_labels_in_the_data():
    metrics = class_metrics(confusion(TRUE, PREDICTED, 3))

    assert metrics["accuracy"] == pytest.approx(3 / 7)
    assert metrics["macro_recall"] == pytest.approx((2 / 5 + 1 / 2) / 2)
    assert metrics["macro_f1"] == pytest.approx((2 * 2 / (5 + 3) + 2 * 1 / (2 + 2)) / 2)


def test_metrics_are_reported_by_label():
    cat, dog = label_metrics(confusion(TRUE, PREDICTED, 3), LABELS)

    assert cat == {"label": "cat", "items": 5, "recall": 2 / 5, "precision": 2 / 3, "f1": 1 / 2}
    assert dog == {"label": "dog", "items": 2, "recall": 1 / 2, "precision": 1 / 2, "f1": 1 / 2}
    assert label_metrics(confusion([0, 0], [1, 1], 2), LABELS[:2])[0]["precision"] is None


def test_the_tables_are_readable():
    counts = confusion(TRUE, PREDICTED, 3)

    assert confusion_table(counts, LABELS).as_text() == (
        "number of examples by true label (row) and predicted label (column)\n"
        "true \\ predicted  cat  dog  bird  unread\n"
        "cat                 2    1     1       1\n"
        "dog                 1    1     ·       ·"
    )
    assert labels_table(label_metrics(counts, LABELS)).as_text() == (
        "label  examples  recall   precision  F1\n"
        "cat           5  40.00 %  66.67 %    50.00 %\n"
        "dog           2  50.00 %  50.00 %    50.00 %"
    )
    values = {"accuracy": 0.5, "macro_recall": 0.25, "macro_f1": 0.125}
    assert metrics_table("tiny", {**values, "baselines": {"linear": values}}, "words").as_text() == (
        "                            accuracy  macro recall  macro F1\n"
        "tiny                        50.00 %   25.00 %       12.50 %\n"
        "linear, word 1- to 2-grams  50.00 %   25.00 %       12.50 %"
    )


def test_a_matrix_wider_than_the_terminal_gets_narrow_columns():
    counts, title = (
        confusion(TRUE, PREDICTED, 3),
        "number of examples by true label (row) and predicted label (column)\n",
    )

    assert confusion_table(counts, LABELS, 40).as_text() == confusion_table(counts, LABELS).as_text()
    assert confusion_table(counts, LABELS, 39).as_text() == (
        f"{title}     cat  dog  bird  unread\ncat    2    1     1       1\ndog    1    1     ·       ·"
    )
    assert confusion_table(counts, LABELS, 25).as_text() == (
        f"{title}"
        "     c d b u\n"
        "     a o i n\n"
        "     t g r r\n"
        "         d e\n"
        "           a\n"
        "           d\n"
        "cat  2 1 1 1\n"
        "dog  1 1 · ·"
    )
    assert confusion_table(counts, LABELS, 11).columns == ("true", "predicted", "examples")


def test_headers_show_as_much_of_a_label_as_fits():
    counts, labels = confusion([0, 1, 2], [0, 1, 2], 3), ["Portuguese", "Polish", "Japanese"]

    assert confusion_table(counts, labels, 42).columns == ("", "Portuguese", "Polish", "Japanese")
    assert confusion_table(counts, labels, 39).columns == ("", "Portugue…", "Polish", "Japanese")
    assert confusion_table(counts, labels, 34).columns == ("", "Portu…", "Polish", "Japan…")
    assert confusion_table(counts, labels, 33).columns == ("", "")


def test_labels_with_long_common_prefixes_give_a_list_of_confusions():
    labels = [f"one of the labels, number {number}" for number in range(3)]
    assert confusion_table(confusion(TRUE, PREDICTED, 3), labels, 80).columns == ("true", "predicted", "examples")


def test_many_labels_give_a_list_of_the_most_frequent_confusions():
    labels = [f"label {number}" for number in range(30)]
    counts = confusion([*range(30), 3, 3, 4, 5], [*range(30), 7, 7, 8, UNREAD], 30)

    assert confusion_table(counts, labels).rows == (
        ("label 3", "label 7", 2),
        ("label 4", "label 8", 1),
        ("label 5", "unread", 1),
    )


def test_a_cut_label_ends_with_an_ellipsis():
    assert cut(["Portuguese", "Polish"], 6) == ("Portu…", "Polish")


def test_the_picture_is_written(tmp_path):
    write_png(VALUES, tmp_path / "matrix.png")

    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_metrics_without_examples_are_zero():
    assert class_metrics(np.zeros((2, 3), np.int64)) == {"accuracy": 0, "macro_recall": 0, "macro_f1": 0}
