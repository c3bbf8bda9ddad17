"""Evaluate a model of any task on data: check the number of files, then call the task's own evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.events import Notice, Progress
from seqshell.core.model import Model
from seqshell.core.tasks import task_spec
from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.training.data.plugin_data import named_data, with_plugin_data
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.task_evaluation import evaluation_of


def evaluate_model(
    name: str | Path, data: str | Sequence[str], registry: Registry, *, device: str = "auto", options: Any = None
) -> dict[str, Any]:
    """Evaluate a checkpoint, given by name or path, and return the object that `seqshell evaluate --json` prints.

    Otherwise as `evaluate`.
    """
    files = (data,) if isinstance(data, str) else data
    *_, last = evaluate(open_model(name, registry), files, registry, device=device, options=options)
    assert isinstance(last, Evaluation)
    return last.values


def evaluate(
    model: Model, data: Sequence[str], registry: Registry, *, device: str = "auto", options: Any = None
) -> Iterator[Progress | Notice | Evaluation]:
    """Evaluate an opened model: yields progress and, last, the Evaluation; that of an ensemble has the metrics of its
    members, too, without baselines.

    data: a text file for a language model; a source and a target file, or one file with a tab between the two, for a
    translation model; a table or a folder for a classifier; a table for a forecaster. options: an object of the task's
    `TaskEvaluation.options`; None: its defaults.

    Raises RecipeError for invalid data, VocabularyError for characters that a language model does not know, and
    UsageError for invalid options.
    """
    evaluation = evaluation_of(model.task)
    if evaluation.data and len(data) != 1:
        noun = task_spec(model.task).noun
        raise UsageError(f"{model.name} is {noun}; it is evaluated on one {evaluation.data}, not on {len(data)} files")
    data = [named_data(word, registry) for word in data]
    if options is None and evaluation.options is not None:
        options = evaluation.options()
    options = with_plugin_data(options, registry) if options is not None else None
    members = []
    for each in (*model.members, model):
        evaluation.with_baselines = each is model
        for event in evaluation.evaluate(each, data, registry, device, options):
            if isinstance(event, Evaluation) and each is not model:
                members.append(event.values)
            elif isinstance(event, Evaluation) and members:
                yield replace(event, values={**event.values, "members": members})
            else:
                yield event
