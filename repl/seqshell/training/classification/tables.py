"""Tables and a picture of a classifier's metrics: beside the baselines, by label, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqshell.core.events import Table
from seqshell.training.classification import baselines
from seqshell.training.classification.metrics import Counts
from seqshell.training.pictures import new_figure, plain_title, write_figure

MAX_LABELS = 20  # of a matrix in the terminal; with more labels, the most frequent confusions are shown
MAX_CONFUSIONS = 20
READABLE = 6  # characters of a column header; rather than fewer, it is written vertically
SHORTEST = 4  # characters of a column header
HIGHEST = 12  # characters of a column header that is written vertically
MAX_NUMBERED = 40  # labels of a picture with numbers in its cells


def tables(values: Mapping[str, Any], width: int | None = None) -> list[Table]:
    """The tables for the metrics of `evaluate_classes`. width: characters in a line; None for any number."""
    counts, labels = _matrix(values)
    return [
        metrics_table(values["model"], values, values["unit"]),
        labels_table(values["by_label"]),
        confusion_table(counts, labels, width),
    ]


def metrics_table(name: str, values: Mapping[str, Any], unit: str) -> Table:
    """Accuracy, macro recall and macro F1 of the model and of the baselines. unit: of their n-grams."""
    titles = baselines.titles(unit)
    rows = {name: values, **{titles[key]: metrics for key, metrics in values["baselines"].items()}}
    cells = (
        (title, *(percent(metrics[key]) for key in ("accuracy", "macro_recall", "macro_f1")))
        for title, metrics in rows.items()
    )
    return Table(("", "accuracy", "macro recall", "macro F1"), tuple(cells))


def labels_table(by_label: Sequence[Mapping[str, Any]]) -> Table:
    """The metrics of `label_metrics`, one row per label."""
    rows = (
        (item["label"], item["items"], *(percent(item[key]) for key in ("recall", "precision", "f1")))
        for item in by_label
    )
    return Table(("label", "examples", "recall", "precision", "F1"), tuple(rows))


def confusion_table(counts: Counts, labels: Sequence[str], width: int | None = None) -> Table:
    """The confusion matrix: a row for each true label in the data, a column for each predicted one.

    width: as in `tables`. A matrix that is too wide loses the text in its corner; then its headers are cut, or written
    vertically. If it is still too wide, or has many labels, the most frequent confusions are listed instead.
    """
    if len(labels) > MAX_LABELS:
        return _most_frequent(counts, labels)
    has_unread = bool(counts[:, -1].any())
    rows = [
        (label, *(str(number) if number else "·" for number in counts[row, : len(labels) + has_unread].tolist()))
        for row, label in enumerate(labels)
        if counts[row].any()
    ]
    names = (*labels, *(["unread"] if has_unread else []))
    forms = _matrix_forms(names, rows)
    return next((form for form in forms if width is None or _width(form) <= width), _most_frequent(counts, labels))


def _matrix_forms(names: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Iterator[Table]:
    """Yield the matrix with ever narrower headers that stay distinct."""
    title = "number of examples by true label (row) and predicted label (column)"
    longest = max(map(len, names))
    sizes = [size for size in range(longest, SHORTEST - 1, -1) if len(set(cut(names, size))) == len(names)]

    def with_headers(corner: str, size: int) -> Table:
        columns = (corner, *cut(names, size))
        return Table(columns, _right_aligned(columns, rows), title)

    yield with_headers("true \\ predicted", longest)
    yield from (with_headers("", size) for size in sizes if size >= min(longest, READABLE))
    if len(set(cut(names, HIGHEST))) == len(names):
        yield Table(("", ""), _narrow(cut(names, HIGHEST), rows), title)
    yield from (with_headers("", size) for size in sizes if size < READABLE)


def cut(labels: Sequence[str], size: int) -> tuple[str, ...]:
    """The labels, those longer than `size` characters cut with an ellipsis."""
    return tuple(label if len(label) <= size else f"{label[: size - 1]}…" for label in labels)


def write_png(values: Mapping[str, Any], path: Path) -> None:
    """Draw the confusion matrix as a PNG: the darker a cell, the larger its share of the row; numbers if few labels."""
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
        xlabel="predicted",
        ylabel="true",
        title=plain_title(f"{values['model']}: accuracy {percent(values['accuracy'])}"),
    )
    if len(labels) <= MAX_NUMBERED:
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
    """The confusion matrix [C, C + 1] with unread texts in the last column, and the labels."""
    labels = list(values["confusion"]["labels"])
    items = {item["label"]: item["items"] for item in values["by_label"]}
    counts = np.array(values["confusion"]["counts"], np.int64)
    unread = np.array([items.get(label, 0) for label in labels]) - counts.sum(axis=1)
    return np.column_stack((counts, unread)), labels


def _most_frequent(counts: Counts, labels: Sequence[str]) -> Table:
    """The largest cells off the diagonal."""
    wrong = [
        (int(number), labels[row], labels[column] if column < len(labels) else "unread")
        for (row, column), number in np.ndenumerate(counts)
        if number and row != column
    ]
    rows = [
        (true, predicted, number)
        for number, true, predicted in sorted(wrong, key=lambda item: -item[0])[:MAX_CONFUSIONS]
    ]
    return Table(("true", "predicted", "examples"), tuple(rows), "most frequent confusions")


def _right_aligned(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Pad all cells but the first on the left; a Table aligns texts left."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    return tuple(
        (row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))) for row in rows
    )


def _narrow(names: Sequence[str], rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    """Join the numbers of each row into one cell, below the column names written vertically."""
    height = max(map(len, names))
    heads = [
        ("", *(letter or " " for letter in letters))
        for letters in zip(*(name.ljust(height) for name in names), strict=True)
    ]
    lines = _right_aligned([""] + [" "] * len(names), [*heads, *rows])
    return tuple((first, " ".join(cells)) for first, *cells in lines)


def _width(table: Table) -> int:
    """The length of its longest line in a terminal, where columns are two spaces apart."""
    lines = [row for row in (table.columns, *table.rows) if any(row)]
    return sum(max(len(str(row[column])) for row in lines) for column in range(len(table.columns))) + 2 * (
        len(table.columns) - 1
    )


def percent(share: float | None) -> str:
    """The share in percent; - if it is not defined."""
    return "-" if share is None else f"{100 * share:.2f} %"
