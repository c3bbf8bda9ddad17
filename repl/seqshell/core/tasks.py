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
    evaluation: str
    draws: bool = False
    strategy: str = "sample"
    can_continue: bool = False
    settings: frozenset[str] = frozenset()
    evaluation_options: tuple[str, ...] = ()

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
            evaluation="seqshell.training.translation.task_evaluation:TranslationEvaluation",
            draws=True,
            strategy="greedy",
            settings=frozenset({"max_tokens", "stop", "unknown", "nbest", "unk", "replace_unk"}),
            evaluation_options=("strategy", "settings", "language"),
        ),
        TaskSpec(
            name=Task.CLASSIFY,
            noun="a classifier",
            default_model="sentiment",
            behaviour="seqshell.session.tasks.classify:ClassifyBehaviour",
            parts="seqshell.models.task_parts.classify:ClassifyParts",
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
            evaluation="seqshell.training.forecasting.task_evaluation:ForecastEvaluation",
            settings=frozenset({"horizon"}),
            evaluation_options=("rows", "horizons", "columns"),
        ),
    )
}


def task_spec(name: str) -> TaskSpec:
    """Return the spec of a task. Raises UsageError for an unknown name."""
    if name not in TASKS:
        raise UsageError(f"unknown task {name!r}; the tasks are {', '.join(TASKS)}")
    return TASKS[name]
