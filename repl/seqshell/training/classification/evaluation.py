"""How well a model labels texts: accuracy, macro recall and F1, always with those of the baselines beside them."""

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

from seqshell.core.errors import RecipeError, UsageError, VocabularyError
from seqshell.core.events import Notice, Progress
from seqshell.core.model import Model
from seqshell.core.tokenizers import PAD, Tokenizer
from seqshell.core.truncation import Cut
from seqshell.training.classification import baselines
from seqshell.training.classification.data import Columns, Examples, check_seen, folds, read_examples, split_examples
from seqshell.training.classification.metrics import UNREAD, class_metrics, confusion, label_metrics
from seqshell.training.data.batches import Ids, pad
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.optimizer import device_of
from seqshell.training.provenance import provenance

TOKENS = 16_384  # that are read in one call, padding too
FOLDS = 5  # parts of the data, each of which the baselines label after learning from the others


@dataclass(frozen=True)
class ClassificationOptions:
    """How labelled data is to be read.

    text_column, label_column: of a table; empty: as the checkpoint remembers them. held_out: only the part of the data that the training
    kept to validate on. training: a table or folder that the baselines learn from; empty: the rest of the data, fold by fold.
    """

    text_column: str = ""
    label_column: str = ""
    held_out: bool = False
    training: str = ""


def evaluate_classes(
    model: Model, module: nn.Module, data: str, options: ClassificationOptions
) -> Iterator[Progress | Notice | Evaluation]:
    """How far it has come, and at last the metrics.

    module: the model's own, in eval mode, on the device to compute on. data: a table or a folder. A text that the model cannot read
    counts as one that got a wrong label. RecipeError, with row and column, of the data.
    """
    columns = columns_of(model, options)
    examples = read_examples(data, columns)
    seen = provenance(model, "data")
    is_own = seen.get("sha256") == examples.digest
    others: Examples | None = None
    if options.held_out:
        others, examples = _held_out(model, examples)
    elif options.training:
        others = read_examples(options.training, columns)
        check_seen(others, model.labels)
    elif is_own:
        yield Notice(
            f"{model.name} has learnt from a part of {examples.name}; --held-out measures it on the rest alone"
        )
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

    number = {label: index for index, label in enumerate(model.labels)}
    right = np.array([number[label] for label in examples.labels])
    answers = np.full(len(ids), UNREAD)
    answers[readable] = logs[readable].argmax(1)
    counts = confusion(right.tolist(), answers.tolist(), len(number))
    yield Progress(0, 0, "the commonest label, naive Bayes and a linear model", "baselines")
    unit = unit_of(model.tokenizer)
    yield Evaluation(
        {
            "model": model.name,
            "task": model.task.value,
            "data": {
                "name": examples.name,
                "sha256": examples.digest,
                "items": len(examples),
                **({"held_out": True} if options.held_out else {}),
            },
            **class_metrics(counts),
            "nats": mean_nats(logs[readable], right[readable]),
            "baselines": baseline_metrics(examples, others, number, unit),
            "baselines_from": _learnt_from(examples, others, options),
            "unit": unit,
            "by_label": label_metrics(counts, model.labels),
            "confusion": {"labels": list(model.labels), "counts": counts[:, :-1].tolist()},
            "failed": len(ids) - len(readable),
            "tokens_per_second": sum(len(ids[row] or []) for row in readable) / seconds,
        },
        tuple("" if answer == UNREAD else model.labels[answer] for answer in answers.tolist()),
    )


def columns_of(model: Model, options: ClassificationOptions) -> Columns:
    """Where texts and labels stand, as it is wished or as the checkpoint remembers it, and what its labels are called in the data."""
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
    """(rows, log-probabilities [rows, C]) of texts, those of like length together. module: in eval mode, on any device."""
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
    """The logits [B, C] after the last token of each row of inputs [B, T], which are padded right."""
    outputs, _ = module(inputs, module.initial_state(len(inputs)))
    last: Tensor = outputs[:, 0]  # without causality there is but this one: [B, 1, C]
    if causal:
        lengths = (inputs != PAD).sum(1).clamp_min(1)
        last = outputs[torch.arange(len(inputs), device=inputs.device), lengths - 1]
    return last


def mean_nats(logs: NDArray[np.float32], right: NDArray[np.int64]) -> float:
    """Mean surprisal of the right labels [R] by log-probabilities [R, C]; 0 of none at all."""
    if not len(right):
        return 0.0
    wanted = functional.nll_loss(torch.from_numpy(logs).double(), torch.from_numpy(right))
    return wanted.item()


def encoded(tokenizer: Tokenizer, cut: Cut, text: str) -> list[int] | None:
    """The ids of a text as the model reads them; None of one that it cannot read."""
    try:
        return cut(tokenizer.encode(text)) or None
    except VocabularyError:
        return None


def baseline_metrics(
    examples: Examples, others: Examples | None, number: Mapping[str, int], unit: str
) -> dict[str, dict[str, float]]:
    """The metrics of each baseline on the examples, after learning from the others, or by cross-validation where there are none.

    number: of each label. unit: of their n-grams.
    """
    texts, labels = (
        (examples.texts, examples.labels)
        if others is None
        else (others.texts + examples.texts, others.labels + examples.labels)
    )
    bags = baselines.make_bags(texts, unit)
    right = np.array([number[label] for label in labels])
    if others is not None:
        parts = [(np.arange(len(others)), np.arange(len(others), len(texts)))]
    else:
        parts_of = np.array(folds(texts, FOLDS))
        both = [(np.flatnonzero(parts_of != part), np.flatnonzero(parts_of == part)) for part in range(FOLDS)]
        parts = [(known, asked) for known, asked in both if len(known) and len(asked)]
    if not parts:
        raise RecipeError(
            f"{examples.name} has one text alone, from which no baseline learns; --training names what they learn from"
        )
    return baselines.compare(bags, right, parts, len(number))


def unit_of(tokenizer: Tokenizer) -> str:
    """What the baselines make n-grams of: characters where the model reads them, else words."""
    return "characters" if tokenizer.name in ("char", "byte") else "words"


def _held_out(model: Model, examples: Examples) -> tuple[Examples, Examples]:
    """What the training learnt from, and what it kept to validate on, of its own data."""
    seen = provenance(model, "data")
    share = seen.get("held_out")
    if isinstance(share, bool) or not isinstance(share, float) or not 0 < share < 1:
        raise UsageError(
            f"--held-out: {model.name} kept no share of its data to validate on; evaluate it on other data"
        )
    if seen.get("sha256") != examples.digest:
        raise UsageError(
            f"--held-out: {examples.name} is not the data that {model.name} was trained on, {seen.get('name')}, or has changed since"
        )
    split = split_examples(examples, share)
    return split.training, split.validation


def _learnt_from(examples: Examples, others: Examples | None, options: ClassificationOptions) -> str:
    if others is None:
        return f"the other {FOLDS - 1} of {FOLDS} parts of {examples.name}"
    return f"the rest of {examples.name}" if options.held_out else others.name
