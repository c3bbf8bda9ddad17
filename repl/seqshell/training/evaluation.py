"""Evaluate a model of any task on data: check the options, then call the task's own evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.events import Notice, Progress
from seqshell.core.model import Model, Task
from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.training.classification.evaluation import ClassificationOptions, evaluate_classes
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.forecasting.evaluation import ForecastOptions, evaluate_series
from seqshell.training.language.evaluation import evaluate_text
from seqshell.training.torch_module import torch_module_on
from seqshell.training.translation.data import read_pairs
from seqshell.training.translation.evaluation import TranslationOptions, evaluate_pairs

TRANSLATION_DEFAULTS = TranslationOptions()
CLASSIFICATION_DEFAULTS = ClassificationOptions()
FORECAST_DEFAULTS = ForecastOptions()
MODELS = {
    Task.GENERATE: "a language model",
    Task.TRANSLATE: "a translation model",
    Task.CLASSIFY: "a classifier",
    Task.FORECAST: "a forecaster",
}
DATA = {Task.GENERATE: "text file", Task.CLASSIFY: "table or folder", Task.FORECAST: "table"}


def evaluate_model(
    name: str | Path,
    data: str | Sequence[str],
    registry: Registry,
    *,
    device: str = "auto",
    translation: TranslationOptions = TRANSLATION_DEFAULTS,
    classification: ClassificationOptions = CLASSIFICATION_DEFAULTS,
    forecast: ForecastOptions = FORECAST_DEFAULTS,
) -> dict[str, Any]:
    """Evaluate a checkpoint, given by name or path, and return the object that `seqshell evaluate --json` prints.

    Otherwise as `evaluate`.
    """
    files = (data,) if isinstance(data, str) else data
    model = open_model(name, registry)
    *_, last = evaluate(
        model,
        files,
        registry,
        device=device,
        translation=translation,
        classification=classification,
        forecast=forecast,
    )
    assert isinstance(last, Evaluation)
    return last.values


def evaluate(
    model: Model,
    data: Sequence[str],
    registry: Registry,
    *,
    device: str = "auto",
    translation: TranslationOptions = TRANSLATION_DEFAULTS,
    classification: ClassificationOptions = CLASSIFICATION_DEFAULTS,
    forecast: ForecastOptions = FORECAST_DEFAULTS,
) -> Iterator[Progress | Notice | Evaluation]:
    """Evaluate an opened model: yields progress and, last, the Evaluation.

    data: a text file for a language model; a source and a target file, or one file with a tab between the two, for a
    translation model; a table or a folder for a classifier; a table for a forecaster. Each of the three option objects
    is for models of its task only.

    Raises RecipeError for invalid data, VocabularyError for characters that a language model does not know, and
    UsageError for invalid options.
    """
    kind = MODELS[model.task]
    if (translation.strategy or translation.settings or translation.language) and model.task is not Task.TRANSLATE:
        raise UsageError(f"{model.name} is {kind}; --strategy, --set and --language are for translation models")
    if classification != CLASSIFICATION_DEFAULTS and model.task is not Task.CLASSIFY:
        options = "--text-column, --label-column, --held-out and --training"
        raise UsageError(f"{model.name} is {kind}; {options} are for classifiers")
    if forecast != FORECAST_DEFAULTS and model.task is not Task.FORECAST:
        raise UsageError(f"{model.name} is {kind}; --rows, --horizons and --columns are for forecasters")
    if len(data) != 1 and model.task is not Task.TRANSLATE:
        raise UsageError(f"{model.name} is {kind}; it is evaluated on one {DATA[model.task]}, not on {len(data)} files")
    if model.task is Task.TRANSLATE:
        pairs = read_pairs(data)
        yield from evaluate_pairs(model, torch_module_on(device, model, registry), pairs, registry, translation)
    elif model.task is Task.CLASSIFY:
        yield from evaluate_classes(model, torch_module_on(device, model, registry), data[0], classification)
    elif model.task is Task.GENERATE:
        yield Evaluation(evaluate_text(model, data[0], registry, device))
    else:
        yield Evaluation(evaluate_series(model, torch_module_on(device, model, registry), data[0], forecast))
