"""The examples of a classifier in words, and inputs for a new user, chosen from its training texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.text_output import counted
from seqshell.training.classification.data import Examples, ExampleSplit
from seqshell.training.data.coded import label_counts, numbers_of_labels
from seqshell.training.data.token_rows import TextRows, items_at
from seqshell.training.data.vocabularies import every

BYTES = 4  # of a character in UTF-8, at most


def shortest_texts(training: Examples, number: int) -> tuple[str, ...]:
    """The shortest text of each of the most frequent labels; of very many texts, a part is looked at."""
    some = training.at(range(0, len(training), every(training.texts)))
    names = list(label_counts(some.labels))
    common = [label for label in label_counts(training.labels) if label in names][:number]
    numbers, found = numbers_of_labels(some.labels, names), list[str]()
    for label in common:
        rows = np.flatnonzero(numbers == names.index(label))
        found.append(min(items_at(some.texts, _may_be_shortest(some.texts, rows)), key=len))
    return tuple(dict.fromkeys(found))


def _may_be_shortest(texts: Sequence[str], rows: NDArray[Any]) -> NDArray[Any]:
    """Those of some rows that may have the fewest characters: of texts in a file, only their bytes are known."""
    if not isinstance(texts, TextRows):
        return rows
    sizes = texts.lengths[rows]
    kept: NDArray[Any] = rows[sizes <= BYTES * int(sizes.min())]
    return kept


def describe(split: ExampleSplit, unread: str) -> str:
    """Both parts and the labels, then a note per line.

    unread: the number of training texts without any known token, in words; "" for none.
    """
    training = split.training
    lines = [f"{len(training):,} examples for training, {len(split.validation):,} for validation"]
    counts = label_counts(training.labels)
    (most, many), *_, (least, few) = counts.items()
    lines.append(f"{len(counts)} labels, from {most} with {many:,} examples to {least} with {few:,}")
    if training.num_blank:
        lines.append(f"{training.num_blank:,} blank texts are left out")
    if training.num_unlabelled:
        lines.append(f"{counted(training.num_unlabelled, 'text')} without a label left out")
    if unread:
        lines.append(f"{unread} texts without any known token are left out")
    return "\n".join(lines)
