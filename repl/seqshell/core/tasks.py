"""The tasks, and their table: everything that depends on the task of a model. Imports nothing that a spec names.

A target is written "package.module:Name"; `seqshell.host.resolve` imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seqshell.core.errors import UsageError
from seqshell.core.paths import DEFAULT_MODEL
from seqshell.core.text_output import quoted


class Task(StrEnum):
    """What a model does with a message; TASKS has a TaskSpec for each."""

    GENERATE = "generate"
    TRANSLATE = "translate"
    CLASSIFY = "classify"
    FORECAST = "forecast"
    TAG = "tag"


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """What depends on the task. A target names something that is imported when it is first used."""

    name: str  # as in Architecture.task and in a checkpoint's header
    noun: str  # what a model for the task is called, with an article

    # Session and models
    behaviour: str  # target of the TaskBehaviour that answers messages
    parts: str  # target of the TaskParts of a checkpoint
    draws: bool = False  # whether a strategy draws the tokens of an answer
    strategy: str = "sample"  # of a model whose checkpoint names none
    can_continue: bool = False  # whether an empty line continues the last answer
    can_mix: bool = False  # whether the probabilities of several models can be averaged
    can_teach: bool = False  # whether a training can learn from a model of the task

    # Shell and terminal
    default_model: str  # of the task's command
    settings: frozenset[str]  # the shell settings for this task that are not for all tasks
    next_steps: str  # in the greeting, what to try after the example
    keys: tuple[str, ...]  # in the greeting, what lines and keys do; the first that fits is shown
    one_line: bool = False  # whether scripts print an answer as one line

    # Training and evaluation
    data_check: str  # target of the function that checks the [data] of a recipe
    preparation: str  # target of the function that reads a recipe's data
    encoding: str = ""  # target of the function that gives the work of encoding large data, before the preparation
    sizes: tuple[str, ...]  # the config fields that are filled in from the data
    tokenizer: str = "char"  # of a recipe that names none
    criteria: tuple[str, ...] = ("nats",)  # what training.criterion may be
    has_source: bool = False  # whether a recipe may have a second tokenizer, for the source
    loss_unit: str = "nats"
    evaluation: str  # target of the TaskEvaluation
    last_steps: str = ""  # target of the function that reads sequences for the gradients by lag; "": there is none
    evaluation_options: tuple[str, ...] = ()  # the options of `seqshell evaluate` for this task only

    # Contract checks
    example: str  # target of the TaskExample

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
            behaviour="seqshell.session.tasks.generate:GenerateBehaviour",
            parts="seqshell.models.task_parts.generate:GenerateParts",
            draws=True,
            can_continue=True,
            can_mix=True,
            can_teach=True,
            default_model=DEFAULT_MODEL,
            settings=frozenset({"max_tokens", "stop", "unknown", "newline", "pace", "color", "surprisal"}),
            next_steps="then /regen 3, /top, /undo",
            keys=(
                "Enter: continue · Ctrl-C: stop · /set surprisal on: colours · /tour: two minutes · /help",
                "Enter: continue · Ctrl-C: stop · /set surprisal on: colours · /tour · /help",
                "Enter: continue · Ctrl-C: stop · /tour · /help",
            ),
            data_check="seqshell.training.recipes.data_checks:check_text",
            preparation="seqshell.training.language.objective:prepare",
            encoding="seqshell.training.language.corpus:encoding",
            sizes=("vocab_size",),
            evaluation="seqshell.training.language.task_evaluation:LanguageEvaluation",
            last_steps="seqshell.training.language.last_steps:last_steps",
            example="seqshell.testing.task_examples:GENERATE",
        ),
        TaskSpec(
            name=Task.TRANSLATE,
            noun="a translation model",
            behaviour="seqshell.session.tasks.translate:TranslateBehaviour",
            parts="seqshell.models.task_parts.translate:TranslateParts",
            draws=True,
            strategy="greedy",
            can_mix=True,
            can_teach=True,
            default_model="english-french",
            settings=frozenset(
                {"max_tokens", "stop", "unknown", "nbest", "turns", "unk", "replace_unk", "pace", "color", "surprisal"}
            ),
            next_steps="then /attention, /top",
            keys=(
                "Each line is translated · Ctrl-C: stop · /translate @FILE: a whole file · /help",
                "/translate @FILE: a file · /help",
            ),
            one_line=True,
            data_check="seqshell.training.recipes.data_checks:check_pairs",
            preparation="seqshell.training.translation.objective:prepare",
            encoding="seqshell.training.translation.corpus:encoding",
            sizes=("source_vocab_size", "target_vocab_size"),
            tokenizer="bpe",
            criteria=("nats", "bleu"),
            has_source=True,
            evaluation="seqshell.training.translation.task_evaluation:TranslationEvaluation",
            evaluation_options=("strategy", "settings", "language", "rouge", "held_out", "training"),
            example="seqshell.testing.task_examples:TRANSLATE",
        ),
        TaskSpec(
            name=Task.CLASSIFY,
            noun="a classifier",
            behaviour="seqshell.session.tasks.classify:ClassifyBehaviour",
            parts="seqshell.models.task_parts.classify:ClassifyParts",
            can_mix=True,
            can_teach=True,
            default_model="sentiment",
            settings=frozenset({"unknown"}),
            next_steps="then /classify --explain, /undo",
            keys=(
                "Each line is classified · /classify --explain TEXT · /classify @FILE · /help",
                "/classify --explain TEXT: why · /help",
            ),
            data_check="seqshell.training.recipes.data_checks:check_labelled",
            preparation="seqshell.training.classification.objective:prepare",
            encoding="seqshell.training.classification.corpus:encoding",
            sizes=("vocab_size", "num_classes"),
            criteria=("nats", "accuracy", "macro_recall", "both"),
            evaluation="seqshell.training.classification.task_evaluation:ClassificationEvaluation",
            last_steps="seqshell.training.classification.last_steps:last_steps",
            evaluation_options=("text_column", "label_column", "held_out", "training"),
            example="seqshell.testing.task_examples:CLASSIFY",
        ),
        TaskSpec(
            name=Task.FORECAST,
            noun="a forecaster",
            behaviour="seqshell.session.tasks.forecast:ForecastBehaviour",
            parts="seqshell.models.task_parts.forecast:ForecastParts",
            default_model="oil-temperature",
            settings=frozenset({"horizon"}),
            next_steps="then /forecast, /undo",
            keys=(
                "Numbers extend the series · /forecast --example · /forecast 24 -o a.txt · /help",
                "Numbers extend the series · /forecast --example · /help",
            ),
            data_check="seqshell.training.recipes.data_checks:check_series",
            preparation="seqshell.training.forecasting.objective:prepare",
            encoding="seqshell.training.forecasting.corpus:encoding",
            sizes=("num_features",),
            loss_unit="forecast error",
            evaluation="seqshell.training.forecasting.task_evaluation:ForecastEvaluation",
            last_steps="seqshell.training.forecasting.last_steps:last_steps",
            evaluation_options=("rows", "horizons", "columns"),
            example="seqshell.testing.task_examples:FORECAST",
        ),
        TaskSpec(
            name=Task.TAG,
            noun="a tagger",
            behaviour="seqshell.session.tasks.tag:TagBehaviour",
            parts="seqshell.models.task_parts.tag:TagParts",
            can_teach=True,
            default_model="python-tags",
            settings=frozenset(),
            next_steps="then /info, /undo",
            keys=("The words of each line are tagged · /tag @FILE · /help",),
            one_line=True,
            data_check="seqshell.training.recipes.data_checks:check_tags",
            preparation="seqshell.training.tagging.objective:prepare",
            sizes=("vocab_size", "num_classes"),
            tokenizer="bpe",
            evaluation="seqshell.training.tagging.task_evaluation:TaggingEvaluation",
            evaluation_options=("held_out", "training"),
            example="seqshell.testing.task_examples:TAG",
        ),
    )
}


def task_spec(name: str) -> TaskSpec:
    """Return the spec of a task. Raises UsageError for an unknown name."""
    if name not in TASKS:
        raise UsageError(f"unknown task {quoted(name)}; the tasks are {', '.join(TASKS)}")
    return TASKS[name]
