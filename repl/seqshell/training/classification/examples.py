"""The examples of a classifier in words, and inputs for a new user, chosen from its training texts."""

from __future__ import annotations

from seqshell.core.text_output import counted
from seqshell.training.classification.data import Examples, ExampleSplit
from seqshell.training.data.coded import label_counts
from seqshell.training.data.vocabularies import every


def shortest_texts(training: Examples, number: int) -> tuple[str, ...]:
    """The shortest text of each of the most frequent labels; of very many texts, a part is looked at."""
    shortest: dict[str, str] = {}
    some = training.at(range(0, len(training), every(training.texts)))
    for text, label in zip(some.texts, some.labels, strict=True):
        if label not in shortest or len(text) < len(shortest[label]):
            shortest[label] = text
    common = [label for label in label_counts(training.labels) if label in shortest]
    return tuple(dict.fromkeys(shortest[label] for label in common[:number]))


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
