"""Evaluate a tagger on sentences with tags, beside the baseline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from numpy.typing import NDArray
from torch import nn

from seqshell.core.events import Notice, Progress
from seqshell.core.model import Model
from seqshell.training.classification.metrics import confusion, label_metrics
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.provenance import file_format, held_out_share, provenance
from seqshell.training.tagging.baseline import FOLDS, NAME, MostFrequentTags, baseline_tags
from seqshell.training.tagging.columns import TagColumns
from seqshell.training.tagging.data import TaggedText, read_tagged, split_tagged
from seqshell.training.tagging.encoding import encoded, predictions
from seqshell.training.tagging.metrics import Tags, entity_metrics, tag_metrics
from seqshell.training.tagging.objective import mean_nats

REPORTED = 100  # sentences between two reports


@dataclass(frozen=True)
class TaggingOptions:
    """How to read the data.

    held_out: use only the part that was held out of training for validation.
    training: data to take the baseline's tags from; "": cross-validate it on the data itself.
    """

    held_out: bool = False
    training: str = ""


def evaluate_tags(
    model: Model, module: nn.Module, data: str, options: TaggingOptions
) -> Iterator[Progress | Notice | Evaluation]:
    """Evaluate a tagger on a file: yields progress and, last, the Evaluation.

    module: the model's torch module, in eval mode, on the device to use. RecipeError for invalid data.
    """
    columns, format = columns_of(model), file_format(model)
    text = read_tagged(data, columns, format=format)
    others: TaggedText | None = None
    if options.held_out:
        others, text = split_tagged(text, held_out_share(model, text.name, text.digest))
    elif options.training:
        others = read_tagged(options.training, columns, format=format)
    elif provenance(model, "data").get("sha256") == text.digest:
        yield Notice(f"{model.name} was trained on part of {text.name}; use --held-out to evaluate on the rest")

    start = time.perf_counter()
    examples = encoded(text.sentences, model.tokenizer, {tag: number for number, tag in enumerate(model.labels)})
    by_row: dict[int, NDArray[Any]] = {}
    for row, found in predictions(module, examples.ids, examples.last):
        by_row[row] = found
        if len(by_row) % REPORTED == 0:
            speed = f"{len(by_row) / (time.perf_counter() - start):,.0f} sentences/s"
            yield Progress(len(by_row), len(text.sentences), speed, "tagging")
    logs = [by_row[row] for row in range(len(by_row))]
    seconds = max(time.perf_counter() - start, 1e-9)

    true = [sentence.tags for sentence in text.sentences]
    predicted = [[model.labels[number] for number in each.argmax(-1)] for each in logs]
    baseline = baseline_tags(text, others)
    yield Evaluation(
        {
            "model": model.name,
            "task": str(model.task),
            "data": {
                "name": text.name,
                "sha256": text.digest,
                "items": text.num_words,
                "sentences": len(text.sentences),
                **({"held_out": True} if options.held_out else {}),
            },
            **_metrics(text, true, predicted, others),
            "nats": mean_nats(logs, examples),
            "baselines": {NAME: _metrics(text, true, baseline, others)},
            "baselines_from": _source(text, others, options),
            "by_tag": _by_tag(true, predicted),
            "by_type": entity_metrics(true, predicted) if "f1" in tag_metrics(true, predicted) else [],
            "tokens_per_second": sum(map(len, examples.ids)) / seconds,
        },
        tuple(" ".join(tags) for tags in predicted),
    )


def columns_of(model: Model) -> TagColumns:
    """The columns of words and tags that the checkpoint records."""
    seen = provenance(model, "data")
    word, tag = (
        number if isinstance(number := seen.get(key), int) and number > 0 else 0
        for key in ("word_column", "tag_column")
    )
    return TagColumns(word, tag)


def _metrics(text: TaggedText, true: Tags, predicted: Tags, others: TaggedText | None) -> dict[str, float]:
    """The shares, and the accuracy of words that the training data lacks, if it is known."""
    found = tag_metrics(true, predicted)
    if others is not None:
        known = MostFrequentTags(others.sentences)
        rows = zip(text.sentences, true, predicted, strict=True)
        unknown = [
            tag == guess
            for sentence, tags, guesses in rows
            for word, tag, guess in zip(sentence.words, tags, guesses, strict=True)
            if word not in known
        ]
        if unknown:
            found["unknown_accuracy"] = sum(unknown) / len(unknown)
    return found


def _by_tag(true: Tags, predicted: Tags) -> list[dict[str, Any]]:
    """items, precision, recall and F1 of each tag."""
    names = sorted({*chain.from_iterable(true), *chain.from_iterable(predicted)})
    numbers = {name: number for number, name in enumerate(names)}
    right, guessed = ([numbers[tag] for tags in each for tag in tags] for each in (true, predicted))
    return label_metrics(confusion(right, guessed, len(names)), names)


def _source(text: TaggedText, others: TaggedText | None, options: TaggingOptions) -> str:
    if others is None:
        return f"the other {FOLDS - 1} of {FOLDS} folds of {text.name}"
    return f"the rest of {text.name}" if options.held_out else others.name
