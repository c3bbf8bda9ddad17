"""The tasks, one TaskSpec each: all that differs from one task to another, by name. Imports nothing that a spec names.

A target is written "package.module:Name" and imported with `seqshell.host.resolve` when it is first used, so that a start loads only what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqshell.core.errors import UsageError
from seqshell.core.model import Task


@dataclass(frozen=True)
class TaskSpec:
    """What the rest of seqshell asks about a task.

    name: as in Architecture.task and a checkpoint's header. noun: what a model for it is called, with its article.
    default_model: the model that its command uses if none is named.
    behaviour: target of the TaskBehaviour that answers the messages of a session.
    parts: target of the TaskParts of its checkpoints.
    preparation: target of the function that reads a recipe's data for a training. data_check: target of the one that checks its [data].
    sizes: the fields of a config that are filled in from the data. tokenizer: of a recipe that names none. loss_unit: of the training loss.
    has_source: whether the model reads a source, for which a recipe may have a tokenizer of its own.
    example: target of the TaskExample that the contract checks use.
    evaluation: target of its TaskEvaluation. evaluation_options: the options of `seqshell evaluate` that only this task has.
    draws: whether an answer is a sequence of tokens that a strategy draws, with a seed. strategy: the one of a model whose checkpoint names none.
    can_continue: whether an empty line continues the last answer.
    settings: the shell settings that are for this task, and not for all tasks.
    """

    name: str
    noun: str
    default_model: str
    behaviour: str
    parts: str
    preparation: str
    evaluation: str
    data_check: str
    example: str
    sizes: tuple[str, ...]
    draws: bool = False
    strategy: str = "sample"
    can_continue: bool = False
    settings: frozenset[str] = frozenset()
    evaluation_options: tuple[str, ...] = ()
    tokenizer: str = "char"
    has_source: bool = False
    loss_unit: str = "nats"

    @property
    def plural(self) -> str:
        """The noun in the plural, without an article."""
        return f"{self.noun.partition(' ')[2]}s"


TASKS: dict[str, TaskSpec] = {
    spec.name: spec
    for spec in (
        TaskSpec(
            name=Task.GENERATE,
            noun="a language model",
            default_model="shakespeare",
            behaviour="seqshell.session.tasks.generate:GenerateBehaviour",
            parts="seqshell.models.task_parts.generate:GenerateParts",
            preparation="seqshell.training.language.objective:prepare",
            data_check="seqshell.training.recipes.data_checks:check_text",
            example="seqshell.testing.task_examples:GENERATE",
            sizes=("vocab_size",),
            evaluation="seqshell.training.language.task_evaluation:LanguageEvaluation",
            draws=True,
            can_continue=True,
            settings=frozenset({"max_tokens", "stop", "unknown", "newline"}),
        ),
        TaskSpec(
            name=Task.TRANSLATE,
            noun="a translation model",
            default_model="english-french",
            behaviour="seqshell.session.tasks.translate:TranslateBehaviour",
            parts="seqshell.models.task_parts.translate:TranslateParts",
            preparation="seqshell.training.translation.objective:prepare",
            data_check="seqshell.training.recipes.data_checks:check_pairs",
            example="seqshell.testing.task_examples:TRANSLATE",
            sizes=("source_vocab_size", "target_vocab_size"),
            evaluation="seqshell.training.translation.task_evaluation:TranslationEvaluation",
            draws=True,
            strategy="greedy",
            settings=frozenset({"max_tokens", "stop", "unknown", "nbest", "unk", "replace_unk"}),
            tokenizer="bpe",
            has_source=True,
            evaluation_options=("strategy", "settings", "language"),
        ),
        TaskSpec(
            name=Task.CLASSIFY,
            noun="a classifier",
            default_model="sentiment",
            behaviour="seqshell.session.tasks.classify:ClassifyBehaviour",
            parts="seqshell.models.task_parts.classify:ClassifyParts",
            preparation="seqshell.training.classification.objective:prepare",
            data_check="seqshell.training.recipes.data_checks:check_labelled",
            example="seqshell.testing.task_examples:CLASSIFY",
            sizes=("vocab_size", "num_classes"),
            evaluation="seqshell.training.classification.task_evaluation:ClassificationEvaluation",
            settings=frozenset({"unknown"}),
            evaluation_options=("text_column", "label_column", "held_out", "training"),
        ),
        TaskSpec(
            name=Task.FORECAST,
            noun="a forecaster",
            default_model="oil-temperature",
            behaviour="seqshell.session.tasks.forecast:ForecastBehaviour",
            parts="seqshell.models.task_parts.forecast:ForecastParts",
            preparation="seqshell.training.forecasting.objective:prepare",
            data_check="seqshell.training.recipes.data_checks:check_series",
            example="seqshell.testing.task_examples:FORECAST",
            sizes=("num_features",),
            evaluation="seqshell.training.forecasting.task_evaluation:ForecastEvaluation",
            settings=frozenset({"horizon"}),
            loss_unit="forecast error",
            evaluation_options=("rows", "horizons", "columns"),
        ),
    )
}


def task_spec(name: str) -> TaskSpec:
    """Return the spec of a task. Raises UsageError for an unknown name."""
    if name not in TASKS:
        raise UsageError(f"unknown task {name!r}; the tasks are {', '.join(TASKS)}")
    return TASKS[name]
