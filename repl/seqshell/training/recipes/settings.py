"""The settings of a recipe's tables [data], [training] and [defaults], with their defaults, ranges and meanings. Imports neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqshell.core.limits import MAX_TOKENS
from seqshell.core.plugin_api import setting

CRITERIA = (
    "nats",
    "accuracy",
    "macro_recall",
    "both",
)  # of a classifier's validation; both: the mean of accuracy and macro recall


@dataclass(frozen=True)
class DataSettings:
    """[data]: what to learn from, for each task in its own words. Files are relative to the recipe."""

    text: str = setting("", help="generate: a file, or python:pydoc_data.topics")
    source: str = setting("", help="translate: a file of sentences, one a line")
    target: str = setting("", help="translate: a file of their translations, line by line")
    pairs: str = setting("", help="translate: one file instead, source TAB target in each line, or generated:NAME")
    source_language: str = setting("", help="translate: what the source is called")
    target_language: str = setting("", help="translate: what the target is called")
    table: str = setting(
        "", help="classify, forecast: a CSV or TSV file with a line of column names, or generated:NAME"
    )
    text_column: str = setting("text", help="classify: the column of the texts")
    label_column: str = setting("label", help="classify: the column of the labels")
    folder: str = setting(
        "", help="classify: a folder instead, with a file LABEL.txt of examples, one a line, for each label"
    )
    label_names: tuple[str, ...] = setting(
        (), help='classify: what labels are called, where the data has codes for them: ["0 = no", "1 = yes"]'
    )
    time_column: str = setting("", help="forecast: the column of the time, which is not forecast")
    columns: tuple[str, ...] = setting(
        (), help="forecast: the columns to forecast; all others but the time if none is named"
    )
    validation: float | str | tuple[str, ...] = setting(
        0.1,
        help="the share that is kept to validate on (generate: the end of the text), or a file, or two: source and target",
    )
    test: float = setting(
        0.0, low=0, high=0.99, help="forecast: the share after it that a finished model is measured on"
    )
    ends: tuple[int, ...] = setting(
        (), help="forecast: instead of shares, the row numbers where training, validation and test end: [8640, 11520]"
    )
    example: str = setting(
        "", help="forecast: a table of values to begin with, for newcomers; default: the end of those to train on"
    )
    origin: str = setting("", help="where the data comes from, said when it is missing")


@dataclass(frozen=True)
class TrainingSettings:
    """[training]: everything about the optimisation. A 0 switches off what can be switched off."""

    epochs: int = setting(30, low=1, high=1_000_000, help="passes through the training text")
    batch_size: int = setting(
        48, low=1, high=65_536, help='streams of text, or sentences, read side by side; "all" is accumulate = 0'
    )
    accumulate: int = setting(
        1, low=0, high=1_000_000, help="so many batches, their gradients summed, make one update; 0: all of an epoch"
    )
    batch_tokens: int = setting(
        0,
        low=0,
        high=10_000_000,
        help="translate, classify: tokens (of targets) read side by side, padding too; 0: batch_size sentences",
    )
    max_length: int = setting(
        100, low=1, high=65_536, help="translate: longer sentences, in tokens, are left out of the training"
    )
    subword_dropout: float = setting(
        0.0, low=0, high=0.99, help="bpe: chance that two parts of a word are not joined, anew in every epoch"
    )
    plain_sources: float = setting(
        0.0,
        low=0,
        high=1,
        help="translate: chance that a source is read in small letters and without its last mark, as people type",
    )
    label_smoothing: float = setting(
        0.0, low=0, high=0.99, help="share of the probability that is wanted for all tokens, or labels, alike"
    )
    class_weights: float = setting(
        0.0, low=0, high=4, help="classify: an example counts (1 / frequency of its label) to this power; 0: all alike"
    )
    criterion: str = setting("nats", choices=CRITERIA, help="classify: the figure that decides which weights are kept")
    point_loss: str = setting("mse", choices=("mse", "mae"), help="forecast: the error that the point is learnt by")
    interval: float = setting(
        0.8, low=0.01, high=0.999, help="forecast: the share of values that is to lie between the outermost quantiles"
    )
    teacher_forcing: float = setting(
        1.0, low=0, high=1, help="translate: chance that the right token is read next, and not the model's own"
    )
    teacher_forcing_by: str = setting("token", choices=("token", "batch"), help="what that chance is drawn for")
    teacher_forcing_schedule: str = setting(
        "constant",
        choices=("constant", "linear", "exponential", "inverse_sigmoid"),
        help="how that chance falls with the updates",
    )
    teacher_forcing_decay: float = setting(
        1e-4,
        low=0,
        high=1e9,
        help="linear: what it loses in an update; exponential: its factor; inverse_sigmoid: the k of k / (k + exp(i / k))",
    )
    teacher_forcing_least: float = setting(0.0, low=0, high=1, help="below which it does not fall")
    sequence_length: int = setting(
        128, low=1, high=65_536, help="tokens between two updates; the state is carried on, its gradient is not"
    )
    optimizer: str = setting("adamw", choices=("sgd", "adam", "adamw"), help="the rule of the updates")
    learning_rate: float = setting(2e-3, low=0, high=1e3, help="the largest step size")
    beta1: float = setting(0.9, low=0, high=0.999999, help="Adam's memory of the gradient")
    beta2: float = setting(0.99, low=0, high=0.999999, help="Adam's memory of the squared gradient")
    momentum: float = setting(0.0, low=0, high=0.999999, help="SGD's memory of the gradient")
    weight_decay: float = setting(
        0.01, low=0, high=10, help="pulls weights to zero: decoupled in adamw, else added to the gradient"
    )
    warmup_steps: int = setting(100, low=0, high=1_000_000, help="updates over which the learning rate rises from zero")
    schedule: str = setting(
        "cosine", choices=("constant", "cosine", "plateau"), help="the learning rate after the warm-up"
    )
    final_fraction: float = setting(
        0.02, low=0, high=1, help="cosine: the share of the learning rate that is left at the end"
    )
    plateau_factor: float = setting(0.5, low=0, high=1, help="plateau: what the learning rate is multiplied by")
    plateau_patience: int = setting(
        2, low=1, high=1_000_000, help="plateau: epochs without a better validation before that"
    )
    clip_norm: float = setting(
        1.0, low=0, high=1e6, help="gradients longer than this, all weights together, are shortened to it; 0: off"
    )
    clip_value: float = setting(
        0.0, low=0, high=1e6, help="each element of a gradient is kept within plus and minus this; 0: off"
    )
    ema: float = setting(
        0.999, low=0, high=0.999999, help="validate and keep a moving average of the weights with this memory; 0: off"
    )
    average_checkpoints: int = setting(
        0, low=0, high=100, help="at the end, try the average of so many last epochs' weights; 0: off"
    )
    state_zeroing: float = setting(
        0.02, low=0, high=1, help="chance that a stream's state is forgotten before a batch of text"
    )
    early_stopping: int = setting(
        0, low=0, high=1_000_000, help="stop after this many epochs without a better validation; 0: off"
    )
    precision: str = setting(
        "auto", choices=("auto", "float32", "bf16"), help="auto: bf16 where a short probe finds it faster"
    )
    device: str = setting("auto", help="auto, cpu, cuda, cuda:1, mps")
    sample_every: int = setting(
        1, low=0, high=1_000_000, help="show a sample text after every so many epochs; 0: never"
    )
    sample_length: int = setting(200, low=1, high=10_000, help="tokens of a sample text")
    resume_every: int = setting(
        120, low=1, high=1_000_000, help="seconds between two writings of the resume file; an epoch's end writes it too"
    )
    dtype: str = setting(
        "float32", choices=("float32", "float16"), help="how the finished checkpoint stores the weights"
    )
    seed: int = setting(0, low=0, high=2**63 - 1, help="of the first weights, dropout and the order of the text")


@dataclass(frozen=True)
class DefaultSettings:
    """[defaults]: kept in the checkpoint, how the model wants to be used."""

    strategy: str = setting("sample", help="how a sequence is produced")
    sampler: str = setting("", help="the stages that reshape the next token's logits")
    max_tokens: int = setting(200, low=1, high=MAX_TOKENS, help="the longest answer, in tokens")
    examples: tuple[str, ...] = setting((), help="texts to start from, shown to newcomers and read for sample texts")
    about: str = setting("", help="one sentence on what the model does with a line")


TABLES: dict[str, type[Any]] = {"data": DataSettings, "training": TrainingSettings, "defaults": DefaultSettings}
FILES = (
    "text",
    "source",
    "target",
    "pairs",
    "table",
    "folder",
    "example",
    "validation",
)  # the keys of [data] that may name files
