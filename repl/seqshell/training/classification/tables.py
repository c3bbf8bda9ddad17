"""The metrics of a classifier as people see them: beside the baselines, label by label, and the confusion matrix as a table and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqshell.core.events import Table
from seqshell.training.classification import baselines
from seqshell.training.classification.metrics import Counts
from seqshell.training.pictures import new_figure, plain_title, write_figure

WIDEST = 20  # labels of which the whole matrix is shown in a terminal; of more, the commonest confusions
MOST = 20  # of these
TALLEST = 8  # characters of the names above the columns, where they are written downwards
WRITTEN = 40  # labels of which the picture has numbers


def tables(values: Mapping[str, Any], width: int | None = None) -> list[Table]:
    """Those of the metrics of `evaluate_classes`. width: of the window, in characters; None where lines may have any length."""
    counts, labels = _matrix(values)
    return [
        metrics_table(values["model"], values, values["unit"]),
        labels_table(values["by_label"]),
        confusion_table(counts, labels, width),
    ]


def metrics_table(name: str, values: Mapping[str, Any], unit: str) -> Table:
    """accuracy, macro recall and macro F1 of the model, called `name`, and of the baselines among the values. unit: of their n-grams."""
    titles = baselines.titles(unit)
    rows = {name: values, **{titles[key]: metrics for key, metrics in values["baselines"].items()}}
    cells = (
        (title, *(_percent(metrics[key]) for key in ("accuracy", "macro_recall", "macro_f1")))
        for title, metrics in rows.items()
    )
    return Table(("", "accuracy", "macro recall", "macro F1"), tuple(cells))


def labels_table(by_label: Sequence[Mapping[str, Any]]) -> Table:
    """What `label_metrics` counted."""
    rows = (
        (item["label"], item["items"], *(_percent(item[key]) for key in ("recall", "precision", "f1")))
        for item in by_label
    )
    return Table(("label", "examples", "recall", "precision", "F1"), tuple(rows))


def confusion_table(counts: Counts, labels: Sequence[str], width: int | None = None) -> Table:
    """The matrix, a row for each right label that the data has, under the beginnings of the labels found; of many labels the commonest confusions.

    width: as in `tables`. Where the matrix is wider, its columns are close together under names that are written downwards; where that is
    too wide, too, the commonest confusions stand for it.
    """
    if len(labels) > WIDEST:
        return _commonest(counts, labels)
    has_unread = bool(counts[:, -1].any())
    rows = [
        (label, *(str(number) if number else "·" for number in counts[row, : len(labels) + has_unread].tolist()))
        for row, label in enumerate(labels)
        if counts[row].any()
    ]
    columns = ("right \\ found", *short(labels), *(["unread"] if has_unread else []))
    title = "how often a label (row) was taken for another (column)"
    wide = Table(columns, _to_the_right(columns, rows), title)
    if width is None or _width(wide) <= width:
        return wide
    close = Table(("", ""), _close_together(columns[1:], rows), title)
    return close if _width(close) <= width and max(map(len, columns[1:])) <= TALLEST else _commonest(counts, labels)


def short(labels: Sequence[str], least: int = 3) -> tuple[str, ...]:
    """The shortest beginnings of `least` characters at least that are all different, else the labels themselves."""
    for length in range(least, max(map(len, labels), default=0) + 1):
        cut = tuple(label[:length] for label in labels)
        if len(set(cut)) == len(labels):
            return cut
    return tuple(labels)


def write_png(values: Mapping[str, Any], path: Path) -> None:
    """The confusion matrix as a PNG by matplotlib: the darker, the larger the share of a row; with its numbers where they can be read."""
    counts, labels = _matrix(values)
    present = counts.sum(axis=1) > 0
    numbers = counts[present][:, : len(labels)]
    shares = numbers / counts[present].sum(axis=1, keepdims=True)
    side = min(24.0, 3 + 0.4 * len(labels))
    figure = new_figure(side, side)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    rows = [label for label, is_present in zip(labels, present, strict=True) if is_present]
    axes.set_xticks(range(len(labels)), [plain_title(label) for label in labels], rotation=90)
    axes.set_yticks(range(len(rows)), [plain_title(label) for label in rows])
    axes.set(
        xlabel="found", ylabel="right", title=plain_title(f"{values['model']}: accuracy {_percent(values['accuracy'])}")
    )
    if len(labels) <= WRITTEN:
        for (row, column), number in np.ndenumerate(numbers):
            if number:
                axes.text(
                    column,
                    row,
                    str(number),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if shares[row, column] > 0.5 else "black",
                )
    write_figure(figure, path)


def _matrix(values: Mapping[str, Any]) -> tuple[Counts, list[str]]:
    """The confusion matrix [C, C + 1] with the texts that were not read in the last column, and the labels."""
    labels = list(values["confusion"]["labels"])
    items = {item["label"]: item["items"] for item in values["by_label"]}
    counts = np.array(values["confusion"]["counts"], np.int64)
    unread = np.array([items.get(label, 0) for label in labels]) - counts.sum(axis=1)
    return np.column_stack((counts, unread)), labels


def _commonest(counts: Counts, labels: Sequence[str]) -> Table:
    """The cells beside the diagonal with the largest numbers."""
    wrong = [
        (int(number), labels[row], labels[column] if column < len(labels) else "unread")
        for (row, column), number in np.ndenumerate(counts)
        if number and row != column
    ]
    rows = [(right, found, number) for number, right, found in sorted(wrong, key=lambda item: -item[0])[:MOST]]
    return Table(("right", "found", "how often"), tuple(rows), "the commonest confusions")


def _to_the_right(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """The rows with every cell but the first at the right end of its column: being texts, they would stand at the left."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    return tuple(
        (row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))) for row in rows
    )


def _close_together(names: Sequence[str], rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    """The rows with one text for all their numbers, under the names of the columns from top to bottom."""
    height = max(map(len, names))
    heads = [
        ("", *(letter or " " for letter in letters))
        for letters in zip(*(name.ljust(height) for name in names), strict=True)
    ]
    lines = _to_the_right([""] + [" "] * len(names), [*heads, *rows])
    return tuple((first, " ".join(cells)) for first, *cells in lines)


def _width(table: Table) -> int:
    """Of its longest line in a terminal, where columns are two spaces apart."""
    lines = [row for row in (table.columns, *table.rows) if any(row)]
    return sum(max(len(str(row[column])) for row in lines) for column in range(len(table.columns))) + 2 * (
        len(table.columns) - 1
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
