"""Evaluate a classifier on labelled texts, beside baselines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from seqshell.core.errors import RecipeError
from seqshell.core.events import Notice, Progress
from seqshell.core.model import Model
from seqshell.core.tokenizers import PAD, Tokenizer
from seqshell.core.truncation import Cut
from seqshell.training.classification import baselines
from seqshell.training.classification.bags import make_bags
from seqshell.training.classification.data import Columns, Examples, check_seen, folds, read_examples, split_examples
from seqshell.training.classification.encoding import encoded
from seqshell.training.classification.metrics import UNREAD, class_metrics, confusion, label_metrics
from seqshell.training.data.batches import Ids, pad
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.optimizer import device_of
from seqshell.training.provenance import file_format, held_out_share, provenance

TOKENS = 16_384  # tokens per call, padding included
FOLDS = 5  # cross-validation folds of the baselines


@dataclass(frozen=True)
class ClassificationOptions:
    """How to read labelled data.

    text_column, label_column: of a table; "": the columns recorded in the checkpoint.
    held_out: use only the part that was held out of training for validation.
    training: a table or folder to train the baselines on; "": cross-validate them on the data itself.
    """

    text_column: str = ""
    label_column: str = ""
    held_out: bool = False
    training: str = ""


def evaluate_classes(
    model: Model, module: nn.Module, data: str, options: ClassificationOptions, *, with_baselines: bool = True
) -> Iterator[Progress | Notice | Evaluation]:
    """Evaluate a classifier on a table or folder: yields progress and, last, the Evaluation.

    module: the model's torch module, in eval mode, on the device to use.
    A text that the model cannot read is counted as wrong. Raises RecipeError, with row and column, for invalid data.
    """
    columns = columns_of(model, options)
    format = file_format(model)
    examples = read_examples(data, columns, format=format)
    seen = provenance(model, "data")
    is_own = seen.get("sha256") == examples.digest
    others: Examples | None = None
    if options.held_out:
        others, examples = _held_out(model, examples)
    elif options.training:
        others = read_examples(options.training, columns, format=format)
        check_seen(others, model.labels)
    elif is_own:
        yield Notice(f"{model.name} was trained on part of {examples.name}; use --held-out to evaluate on the rest")
    check_seen(examples, model.labels)

    start = time.perf_counter()
    cut = Cut.of(model.header.get("config", {}))
    ids = [encoded(model.tokenizer, cut, text) for text in examples.texts]
    readable = [row for row, each in enumerate(ids) if each]
    logs = np.zeros((len(ids), len(model.labels)), np.float32)
    done = 0
    for rows, found in predictions(module, [ids[row] or [] for row in readable], causal=model.causal):
        logs[[readable[row] for row in rows]] = found
        done += len(rows)
        yield Progress(done, len(readable), f"{done / (time.perf_counter() - start):,.0f} texts/s", "labelling")
    seconds = max(time.perf_counter() - start, 1e-9)

    numbers = {label: index for index, label in enumerate(model.labels)}
    true = np.array([numbers[label] for label in examples.labels])
    answers = np.full(len(ids), UNREAD)
    answers[readable] = logs[readable].argmax(1)
    counts = confusion(true.tolist(), answers.tolist(), len(numbers))
    unit, beside = unit_of(model.tokenizer), dict[str, Any]()
    if with_baselines:
        yield Progress(0, 0, "majority label, naive Bayes and a linear model", "baselines")
        beside["baselines"] = baseline_metrics(examples, others, numbers, unit)
        beside["baselines_from"] = _trained_on(examples, others, options)
    yield Evaluation(
        {
            "model": model.name,
            "task": str(model.task),
            "data": {
                "name": examples.name,
                "sha256": examples.digest,
                "items": len(examples),
                **({"held_out": True} if options.held_out else {}),
            },
            **class_metrics(counts),
            "nats": mean_nats(logs[readable], true[readable]),
            **beside,
            "unit": unit,
            "by_label": label_metrics(counts, model.labels),
            "confusion": {"labels": list(model.labels), "counts": counts[:, :-1].tolist()},
            "failed": len(ids) - len(readable),
            "tokens_per_second": sum(len(ids[row] or []) for row in readable) / seconds,
        },
        tuple("" if answer == UNREAD else model.labels[answer] for answer in answers.tolist()),
    )


def columns_of(model: Model, options: ClassificationOptions) -> Columns:
    """The columns of texts and labels, from the options or the checkpoint, and the checkpoint's names for labels."""
    seen = provenance(model, "data")
    text, label, names = (seen.get(key) for key in ("text_column", "label_column", "label_names"))
    return Columns(
        options.text_column or (text if isinstance(text, str) and text else "text"),
        options.label_column or (label if isinstance(label, str) and label else "label"),
        {str(code): str(name) for code, name in names.items()} if isinstance(names, Mapping) else {},
        "--text-column",
        "--label-column",
    )


@torch.inference_mode()
def predictions(
    module: nn.Module, ids: Sequence[Ids], *, causal: bool
) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    """Yield (rows, log-probabilities [rows, C]) in groups of texts of similar length.

    module: in eval mode, any device.
    """
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    start = 0
    while start < len(order):
        size = 1
        while start + size < len(order) and (size + 1) * len(ids[order[start + size]]) <= TOKENS:
            size += 1
        rows = order[start : start + size]
        inputs = torch.from_numpy(pad([ids[row] for row in rows])).to(device_of(module))
        yield rows, last_logits(module, inputs, causal=causal).float().log_softmax(-1).cpu().numpy()
        start += size


def last_logits(module: Any, inputs: Tensor, *, causal: bool) -> Tensor:
    """The logits [B, C] after the last token of each row of inputs [B, T], padded right."""
    outputs, _ = module(inputs, module.initial_state(len(inputs)))
    last: Tensor = outputs[:, 0]  # a model that is not causal returns one position: [B, 1, C]
    if causal:
        lengths = (inputs != PAD).sum(1).clamp_min(1)
        last = outputs[torch.arange(len(inputs), device=inputs.device), lengths - 1]
    return last


def mean_nats(logs: NDArray[np.float32], true: NDArray[np.int64]) -> float:
    """Mean surprisal of the true labels [R] under log-probabilities [R, C]; 0 without rows."""
    return functional.nll_loss(torch.from_numpy(logs).double(), torch.from_numpy(true)).item() if len(true) else 0.0


def baseline_metrics(
    examples: Examples, others: Examples | None, numbers: Mapping[str, int], unit: str
) -> dict[str, dict[str, float]]:
    """The metrics of each baseline on the examples, trained on the others or, without others, cross-validated.

    numbers: the number of each label. unit: of the n-grams.
    """
    texts, labels = (
        (examples.texts, examples.labels)
        if others is None
        else ((*others.texts, *examples.texts), (*others.labels, *examples.labels))
    )
    bags = make_bags(texts, unit)
    true = np.array([numbers[label] for label in labels])
    fold_of = np.array(folds(texts, FOLDS))
    if others is not None:
        parts = [(np.arange(len(others)), np.arange(len(others), len(texts)))]
    else:
        both = [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(FOLDS)]
        parts = [(known, tested) for known, tested in both if len(known) and len(tested)]
    if not parts:
        advice = "name other data for them with --training"
        raise RecipeError(f"{examples.name} has only one text, too few to train the baselines; {advice}")
    return baselines.compare(bags, true, fold_of, parts, len(numbers))


def unit_of(tokenizer: Tokenizer) -> str:
    """The unit of the baselines' n-grams: characters if the model reads characters or bytes, else words."""
    return "characters" if tokenizer.name in ("char", "byte") else "words"


def _held_out(model: Model, examples: Examples) -> tuple[Examples, Examples]:
    """Split a model's own data as its training did, into training and validation. Errors as `held_out_share`."""
    split = split_examples(examples, held_out_share(model, examples.name, examples.digest))
    return split.training, split.validation


def _trained_on(examples: Examples, others: Examples | None, options: ClassificationOptions) -> str:
    if others is None:
        return f"the other {FOLDS - 1} of {FOLDS} folds of {examples.name}"
    return f"the rest of {examples.name}" if options.held_out else others.name
