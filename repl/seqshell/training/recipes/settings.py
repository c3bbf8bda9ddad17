"""The settings in [data], [training] and [defaults] of a recipe. Imports neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqshell.core.limits import MAX_TOKENS, MAX_TURNS
from seqshell.core.plugin_api import setting

FILL_RULES = ("short", "linear", "previous", "none")
# What selects the best weights; `TaskSpec.criteria` has those of a task. both: the mean of accuracy and macro recall.
CRITERIA = ("nats", "accuracy", "macro_recall", "both", "bleu")
TEACHER_WEIGHT = 0.8


@dataclass(frozen=True)
class DataSettings:
    """[data]: the training data, with keys for each task. Files are relative to the recipe."""

    encoding: str = setting("", help="of all files, such as cp1252; default: UTF-8, or UTF-16 if it is")
    header: str = setting(
        "auto",
        choices=("auto", "yes", "no"),
        help="whether the first row of a table names its columns; auto: found out",
    )
    decimal: str = setting(
        "", choices=("", ".", ","), help="forecast: the decimal separator; default: as the numbers of a column show"
    )
    text: str = setting("", help="generate: a text file, or python:pydoc_data.topics")
    source: str = setting("", help="translate: a file of sentences, one per line")
    target: str = setting("", help="translate: a file of their translations, line by line")
    pairs: str = setting(
        "",
        help="translate: instead, one file with source TAB target in each line, a table, generated:NAME, or "
        "python:docstrings",
    )
    extra_pairs: str = setting(
        "", help="translate: a further file of pairs, for training only, such as greetings that the data lacks"
    )
    extra_copies: int = setting(1, low=1, high=1000, help="translate: how often each extra pair occurs in an epoch")
    source_column: str = setting(
        "", help="translate: the column of the sources in one file of pairs; default: by its name, else the first"
    )
    target_column: str = setting("", help="translate: the column of their translations")
    source_language: str = setting("", help="translate: the source language")
    target_language: str = setting("", help="translate: the target language")
    rouge: bool = setting(False, help="translate: the targets are summaries, which evaluate scores with ROUGE, too")
    table: str = setting("", help="classify, forecast: a CSV, TSV or JSON Lines file, or generated:NAME")
    text_column: str = setting("text", help="classify: the column of the texts")
    label_column: str = setting("label", help="classify: the column of the labels")
    folder: str = setting(
        "",
        help="classify: instead, a folder with a file LABEL.txt for each label, one example per line, or a folder "
        "LABEL with a file for each example",
    )
    label_names: tuple[str, ...] = setting(
        (), help='classify: the labels for codes in the data, such as ["0 = no", "1 = yes"]'
    )
    tags: str = setting(
        "",
        help="tag: a file with a word and its tag in each line and blank lines between sentences (CoNLL, CoNLL-U or "
        "TSV), or python:code",
    )
    word_column: int = setting(
        0, low=0, high=1000, help="tag: the number of the column of words; 0: the first, of CoNLL-U the second"
    )
    tag_column: int = setting(
        0, low=0, high=1000, help="tag: the number of the column of tags; 0: the last, of CoNLL-U the fourth"
    )
    time_column: str = setting(
        "", help="forecast: the time column, which is not forecast, or several that are the time together: year,quarter"
    )
    day_first: bool | str = setting(
        "",
        help="forecast: true if 01/02/2000 is the first of February, false if it is January 2nd; default: by the data",
    )
    series_column: str = setting(
        "", help="forecast: the column that tells several series of one table apart; default: found by equal times"
    )
    columns: tuple[str, ...] = setting((), help="forecast: the columns to forecast; default: all other numbers")
    fill: str = setting(
        "short",
        choices=FILL_RULES,
        help="forecast: missing values are filled on a straight line (linear; short: up to 3 in a row, and more are "
        "refused), with the value before (previous), or refused (none)",
    )
    validation: float | str | tuple[str, ...] = setting(
        0.1,
        help="share held out for validation (generate, forecast: the end), or a file, or [source, target]",
    )
    test: float = setting(0.0, low=0, high=0.99, help="forecast: share after the validation part, held out for testing")
    ends: tuple[int, ...] = setting(
        (), help="forecast: instead of shares, the row numbers where training, validation and test end: [8640, 11520]"
    )
    example: str = setting(
        "", help="forecast: a table with example values for users; default: the end of the training rows"
    )
    vectors: str = setting(
        "", help="pretrained word vectors that the embeddings begin with: a text file of GloVe, word2vec or fastText"
    )
    origin: str = setting("", help="where to get the data, shown if it is missing")


@dataclass(frozen=True)
class TrainingSettings:
    """[training]: the optimisation. 0 switches off what can be switched off."""

    parent: str = setting(
        "",
        help="the model to start from, a name or a file; its vocabulary is kept; default: random weights",
    )
    extend_vocabulary: bool = setting(
        True, help="with a parent: add what the training data has and the parent's vocabulary lacks"
    )
    tune: str = setting(
        "",
        choices=("", "state"),
        help="state: with a parent, train only the state in which a language model begins, for /state load",
    )
    teacher: str = setting(
        "",
        help="all but forecast: a model to learn from besides the data, a name or a file, or an ensemble A+B",
    )
    teacher_weight: float = setting(
        TEACHER_WEIGHT,
        low=0,
        high=1,
        help="share of the loss that compares with the teacher; the rest is the usual loss",
    )
    freeze: tuple[str, ...] = setting(
        (), help='parts of the model that stay as they are, such as ["embedding", "0"] for the embedding and layer 0'
    )
    epochs: int = setting(30, low=1, high=1_000_000, help="passes through the training data")
    batch_size: int = setting(
        48, low=1, high=65_536, help='streams of text, or sentences, in a batch; "all" means accumulate = 0'
    )
    accumulate: int = setting(
        1,
        low=0,
        high=1_000_000,
        help="batches per step, their gradients averaged over all tokens; 0: all batches of an epoch",
    )
    batch_tokens: int = setting(
        0,
        low=0,
        high=10_000_000,
        help="translate, classify: tokens (of targets) in a batch, padding included; 0: use batch_size",
    )
    max_length: int = setting(100, low=1, high=65_536, help="translate: leave out sentences with more tokens")
    subword_dropout: float = setting(
        0.0, low=0, high=0.99, help="bpe: probability of skipping each merge in training, drawn again in each epoch"
    )
    plain_sources: float = setting(
        0.0,
        low=0,
        high=1,
        help="translate: share of sources read in lower case, without final punctuation, or both, as people type",
    )
    label_smoothing: float = setting(
        0.0, low=0, high=0.99, help="share of the target probability spread evenly over all tokens or labels"
    )
    class_weights: float = setting(
        0.0, low=0, high=4, help="classify: weight examples by (1 / frequency of the label) to this power; 0: equally"
    )
    criterion: str = setting(
        "nats",
        choices=CRITERIA,
        help="the validation metric that selects the best weights; classify: all but bleu; translate: nats or bleu",
    )
    point_loss: str = setting("mse", choices=("mse", "mae"), help="forecast: the loss of the point forecast")
    interval: float = setting(
        0.8, low=0.01, high=0.999, help="forecast: share of values that the outermost quantiles should enclose"
    )
    teacher_forcing: float = setting(
        1.0, low=0, high=1, help="translate: probability of feeding the target's token instead of the model's own"
    )
    teacher_forcing_by: str = setting(
        "token", choices=("token", "batch"), help="translate: draw for each token or for each batch"
    )
    teacher_forcing_schedule: str = setting(
        "constant",
        choices=("constant", "linear", "exponential", "inverse_sigmoid"),
        help="translate: how the probability falls over the steps",
    )
    teacher_forcing_decay: float = setting(
        1e-4,
        low=0,
        high=1e9,
        help="translate: decrease (linear), factor (exponential) or k in k / (k + exp(i / k)) (inverse_sigmoid)",
    )
    teacher_forcing_least: float = setting(0.0, low=0, high=1, help="translate: lower limit of the probability")
    sequence_length: int = setting(
        128,
        low=1,
        high=65_536,
        help="tokens of each stream in a batch; the state is carried to the next batch, its gradient is not",
    )
    optimizer: str = setting("adamw", choices=("sgd", "adam", "adamw"), help="the optimizer")
    learning_rate: float = setting(2e-3, low=0, high=1e3, help="the learning rate after the warm-up")
    beta1: float = setting(0.9, low=0, high=0.999999, help="Adam: decay rate of the mean gradient")
    beta2: float = setting(0.99, low=0, high=0.999999, help="Adam: decay rate of the mean squared gradient")
    momentum: float = setting(0.0, low=0, high=0.999999, help="SGD: decay rate of the momentum")
    weight_decay: float = setting(
        0.01, low=0, high=10, help="strength of the weight decay: decoupled in adamw, else added to the gradient"
    )
    warmup_steps: int = setting(100, low=0, high=1_000_000, help="steps over which the learning rate rises from zero")
    schedule: str = setting(
        "cosine", choices=("constant", "cosine", "plateau"), help="how the learning rate changes after the warm-up"
    )
    final_fraction: float = setting(0.02, low=0, high=1, help="cosine: share of the learning rate left at the end")
    plateau_factor: float = setting(0.5, low=0, high=1, help="plateau: factor for the learning rate")
    plateau_patience: int = setting(
        2, low=1, high=1_000_000, help="plateau: epochs without improvement before the rate is lowered"
    )
    clip_norm: float = setting(1.0, low=0, high=1e6, help="limit for the norm of the whole gradient; 0: off")
    clip_value: float = setting(
        0.0, low=0, high=1e6, help="limit for the absolute value of each gradient entry; 0: off"
    )
    ema: float = setting(
        0.999,
        low=0,
        high=0.999999,
        help="decay of a moving average of the weights, which is validated and kept; 0: off",
    )
    average_checkpoints: int = setting(
        0, low=0, high=100, help="at the end, try the average of the weights of this many last epochs; 0: off"
    )
    state_zeroing: float = setting(0.02, low=0, high=1, help="probability of resetting a stream's state before a batch")
    early_stopping: int = setting(
        0,
        low=0,
        high=1_000_000,
        help="stop after this many epochs without a noticeable improvement of the validation; 0: off",
    )
    precision: str = setting(
        "auto", choices=("auto", "float32", "bf16"), help="auto: bf16 if a short test finds it faster"
    )
    device: str = setting("auto", help="auto, cpu, cuda, cuda:1, mps")
    sample_every: int = setting(1, low=0, high=1_000_000, help="show a sample after every this many epochs; 0: never")
    sample_length: int = setting(200, low=1, high=10_000, help="tokens in a sample")
    reach_every: int = setting(
        0,
        low=0,
        high=1_000_000,
        help="measure the gradient by time lag and layer after every this many epochs; 0: never",
    )
    resume_every: int = setting(
        120,
        low=1,
        high=1_000_000,
        help="seconds between writes of the resume file, which is also written after each epoch",
    )
    dtype: str = setting(
        "float32", choices=("float32", "float16"), help="number format of the weights in the checkpoint"
    )
    seed: int = setting(0, low=0, high=2**63 - 1, help="seed of the initial weights, dropout and the order of batches")


@dataclass(frozen=True)
class DefaultSettings:
    """[defaults]: stored in the checkpoint, used when the model is opened."""

    strategy: str = setting("sample", help="decoding strategy")
    sampler: str = setting("", help="sampler chain")
    max_tokens: int = setting(200, low=1, high=MAX_TOKENS, help="longest answer in tokens")
    turns: int = setting(
        0, low=0, high=MAX_TURNS, help="translate: how many earlier messages and answers are read before each message"
    )
    examples: tuple[str, ...] = setting((), help="inputs for new users; the first one is used for samples")
    about: str = setting("", help="one sentence about what the model does")


TABLES: dict[str, type[Any]] = {"data": DataSettings, "training": TrainingSettings, "defaults": DefaultSettings}
# The keys of [data] that may name files.
FILES = (
    *("text", "source", "target", "pairs", "extra_pairs", "table", "folder", "tags", "example", "validation"),
    "vectors",
)
