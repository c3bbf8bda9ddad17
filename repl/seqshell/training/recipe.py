"""Recipes: what to train, on what, and how, read strictly from TOML. Imports neither torch nor numpy."""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqshell import places
from seqshell.errors import RecipeError, UsageError
from seqshell.models import Task
from seqshell.offers import Setting, setting, settings_of

Table = Mapping[str, Any]

CRITERIA = ("nats", "accuracy", "macro_recall", "both")  # of a classifier's validation; both: the mean of accuracy and macro recall


@dataclass(frozen=True)
class DataSettings:
    """[data]: what to learn from, for each task in its own words. Files are relative to the recipe."""

    text: str = setting("", help="generate: a file, or python:pydoc_data.topics")
    source: str = setting("", help="translate: a file of sentences, one a line")
    target: str = setting("", help="translate: a file of their translations, line by line")
    pairs: str = setting("", help="translate: one file instead, source TAB target in each line, or generated:NAME")
    source_language: str = setting("", help="translate: what the source is called")
    target_language: str = setting("", help="translate: what the target is called")
    table: str = setting("", help="classify, forecast: a CSV or TSV file with a line of column names, or generated:NAME")
    text_column: str = setting("text", help="classify: the column of the texts")
    label_column: str = setting("label", help="classify: the column of the labels")
    folder: str = setting("", help="classify: a folder instead, with a file LABEL.txt of examples, one a line, for each label")
    label_names: tuple[str, ...] = setting((), help='classify: what labels are called, where the data has codes for them: ["0 = no", "1 = yes"]')
    time_column: str = setting("", help="forecast: the column of the time, which is not forecast")
    columns: tuple[str, ...] = setting((), help="forecast: the columns to forecast; all others but the time if none is named")
    validation: float | str | tuple[str, ...] = setting(
        0.1, help="the share that is kept to validate on (generate: the end of the text), or a file, or two: source and target"
    )
    test: float = setting(0.0, low=0, high=0.99, help="forecast: the share after it that a finished model is measured on")
    ends: tuple[int, ...] = setting((), help="forecast: instead of shares, the row numbers where training, validation and test end: [8640, 11520]")
    example: str = setting("", help="forecast: a table of values to begin with, for newcomers; default: the end of those to train on")
    origin: str = setting("", help="where the data comes from, said when it is missing")


@dataclass(frozen=True)
class TrainingSettings:
    """[training]: everything about the optimisation. A 0 switches off what can be switched off."""

    epochs: int = setting(30, low=1, high=1_000_000, help="passes through the training text")
    batch_size: int = setting(48, low=1, high=65_536, help='streams of text, or sentences, read side by side; "all" is accumulate = 0')
    accumulate: int = setting(1, low=0, high=1_000_000, help="so many batches, their gradients summed, make one update; 0: all of an epoch")
    batch_tokens: int = setting(
        0, low=0, high=10_000_000, help="translate, classify: tokens (of targets) read side by side, padding too; 0: batch_size sentences"
    )
    max_length: int = setting(100, low=1, high=65_536, help="translate: longer sentences, in tokens, are left out of the training")
    subword_dropout: float = setting(0.0, low=0, high=0.99, help="bpe: chance that two parts of a word are not joined, anew in every epoch")
    plain_sources: float = setting(
        0.0, low=0, high=1, help="translate: chance that a source is read in small letters and without its last mark, as people type"
    )
    label_smoothing: float = setting(0.0, low=0, high=0.99, help="share of the probability that is wanted for all tokens, or labels, alike")
    class_weights: float = setting(0.0, low=0, high=4, help="classify: an example counts (1 / frequency of its label) to this power; 0: all alike")
    criterion: str = setting("nats", choices=CRITERIA, help="classify: the figure that decides which weights are kept")
    point_loss: str = setting("mse", choices=("mse", "mae"), help="forecast: the error that the point is learnt by")
    interval: float = setting(0.8, low=0.01, high=0.999, help="forecast: the share of values that is to lie between the outermost quantiles")
    teacher_forcing: float = setting(1.0, low=0, high=1, help="translate: chance that the right token is read next, and not the model's own")
    teacher_forcing_by: str = setting("token", choices=("token", "batch"), help="what that chance is drawn for")
    teacher_forcing_schedule: str = setting(
        "constant", choices=("constant", "linear", "exponential", "inverse_sigmoid"), help="how that chance falls with the updates"
    )
    teacher_forcing_decay: float = setting(
        1e-4, low=0, high=1e9, help="linear: what it loses in an update; exponential: its factor; inverse_sigmoid: the k of k / (k + exp(i / k))"
    )
    teacher_forcing_least: float = setting(0.0, low=0, high=1, help="below which it does not fall")
    sequence_length: int = setting(128, low=1, high=65_536, help="tokens between two updates; the state is carried on, its gradient is not")
    optimizer: str = setting("adamw", choices=("sgd", "adam", "adamw"), help="the rule of the updates")
    learning_rate: float = setting(2e-3, low=0, high=1e3, help="the largest step size")
    beta1: float = setting(0.9, low=0, high=0.999999, help="Adam's memory of the gradient")
    beta2: float = setting(0.99, low=0, high=0.999999, help="Adam's memory of the squared gradient")
    momentum: float = setting(0.0, low=0, high=0.999999, help="SGD's memory of the gradient")
    weight_decay: float = setting(0.01, low=0, high=10, help="pulls weights to zero: decoupled in adamw, else added to the gradient")
    warmup_steps: int = setting(100, low=0, high=1_000_000, help="updates over which the learning rate rises from zero")
    schedule: str = setting("cosine", choices=("constant", "cosine", "plateau"), help="the learning rate after the warm-up")
    final_fraction: float = setting(0.02, low=0, high=1, help="cosine: the share of the learning rate that is left at the end")
    plateau_factor: float = setting(0.5, low=0, high=1, help="plateau: what the learning rate is multiplied by")
    plateau_patience: int = setting(2, low=1, high=1_000_000, help="plateau: epochs without a better validation before that")
    clip_norm: float = setting(1.0, low=0, high=1e6, help="gradients longer than this, all weights together, are shortened to it; 0: off")
    clip_value: float = setting(0.0, low=0, high=1e6, help="each element of a gradient is kept within plus and minus this; 0: off")
    ema: float = setting(0.999, low=0, high=0.999999, help="validate and keep a moving average of the weights with this memory; 0: off")
    average_checkpoints: int = setting(0, low=0, high=100, help="at the end, try the average of so many last epochs' weights; 0: off")
    state_zeroing: float = setting(0.02, low=0, high=1, help="chance that a stream's state is forgotten before a piece of text")
    early_stopping: int = setting(0, low=0, high=1_000_000, help="stop after this many epochs without a better validation; 0: off")
    precision: str = setting("auto", choices=("auto", "float32", "bf16"), help="auto: bf16 where a short probe finds it faster")
    device: str = setting("auto", help="auto, cpu, cuda, cuda:1, mps")
    sample_every: int = setting(1, low=0, high=1_000_000, help="show a sample text after every so many epochs; 0: never")
    sample_length: int = setting(200, low=1, high=10_000, help="tokens of a sample text")
    resume_every: int = setting(120, low=1, high=1_000_000, help="seconds between two writings of the resume file; an epoch's end writes it too")
    dtype: str = setting("float32", choices=("float32", "float16"), help="how the finished checkpoint stores the weights")
    seed: int = setting(0, low=0, high=2**63 - 1, help="of the first weights, dropout and the order of the text")


@dataclass(frozen=True)
class DefaultSettings:
    """[defaults]: kept in the checkpoint, how the model wants to be used."""

    strategy: str = setting("sample", help="how a sequence is produced")
    sampler: str = setting("", help="the stages that reshape the next token's logits")
    max_tokens: int = setting(200, low=1, high=1_000_000, help="the longest answer, in tokens")
    examples: tuple[str, ...] = setting((), help="texts to start from, shown to newcomers and read for sample texts")
    about: str = setting("", help="one sentence on what the model does with a line")


@dataclass(frozen=True)
class Recipe:
    """A checked recipe. tokenizer and model are left as tables: their settings belong to what the registry offers.

    name: the stem of its file, and of the checkpoint it makes. folder: where its relative paths start.
    """

    name: str
    task: Task
    architecture: str
    data: DataSettings
    tokenizer: Table = field(default_factory=lambda: {"name": "char"})
    source_tokenizer: Table | None = None  # None: one vocabulary for source and target
    model: Table = field(default_factory=dict)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    defaults: DefaultSettings = field(default_factory=DefaultSettings)
    folder: Path = Path()

    def tables(self) -> dict[str, Any]:
        """The recipe as TOML has it, every key spelt out."""
        return {
            "task": self.task.value,
            "architecture": self.architecture,
            "data": dataclasses.asdict(self.data),
            **self._tokenizers(),
            "model": dict(self.model),
            "training": dataclasses.asdict(self.training),
            "defaults": dataclasses.asdict(self.defaults),
        }

    def _tokenizers(self) -> dict[str, Any]:
        if self.source_tokenizer is None:
            return {"tokenizer": dict(self.tokenizer)}
        return {"source_tokenizer": dict(self.source_tokenizer), "target_tokenizer": dict(self.tokenizer)}


TABLES: dict[str, type[Any]] = {"data": DataSettings, "training": TrainingSettings, "defaults": DefaultSettings}
TOP = ("task", "architecture", "data", "tokenizer", "source_tokenizer", "target_tokenizer", "model", "training", "defaults")
TASKS = tuple(Task)
FILES = ("text", "source", "target", "pairs", "table", "folder", "example", "validation")  # the keys of [data] that may name files
MANY_KINDS = ("validation", "examples", "columns", "label_names", "ends")  # their values are checked by _check_values


def read_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in a TOML file, with `--set KEY=VALUE` overrides. RecipeError names file and key, TOML's own errors line and column."""
    tables = read_tables(path)
    return recipe_from(tables, name=path.stem, folder=path.parent, overrides=overrides, where=path.name)


def read_tables(path: Path) -> dict[str, Any]:
    """What a TOML file holds. RecipeError when it cannot be read or is no TOML."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8 (byte {error.start}), so it is no recipe") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path} is not TOML: {str(error).rstrip('.')[:1].lower() + str(error)[1:]}") from None


def recipe_from(tables: Table, *, name: str, folder: Path, overrides: Iterable[str] = (), where: str = "recipe") -> Recipe:
    """Check the tables of a recipe, overrides applied, and fill in the defaults."""
    tables = _whole_batch(_overridden(tables, overrides), where)
    _known(tables, TOP, where)
    for key in ("task", "architecture", "data"):
        if key not in tables:
            raise RecipeError(f"{where} has no {key}; see seqshell train --defaults")
    for key in ("task", "architecture"):
        if not isinstance(tables[key], str):
            raise RecipeError(f"{where}: {key} must be a text, not {tables[key]!r}")
    for key in TOP[2:]:
        if not isinstance(tables.get(key, {}), dict):
            raise RecipeError(f"{where}: {key} is a table, written [{key}] with its settings below it")
    if tables["task"] not in TASKS:
        raise RecipeError(f"{where}: task must be {' or '.join(TASKS)}, not {tables['task']!r}")
    parts = {key: _section(key, kind, tables.get(key, {}), where) for key, kind in TABLES.items()}
    task = Task(tables["task"])
    _check_values(task, parts["data"], parts["defaults"], where)
    tokenizer, source_tokenizer = _tokenizers(task, tables, where)
    return Recipe(
        name=name,
        task=task,
        architecture=tables["architecture"],
        tokenizer=tokenizer,
        source_tokenizer=source_tokenizer,
        model=tables.get("model", {}),
        folder=folder,
        **parts,
    )


def defaults_text() -> str:
    """Every key of a recipe with its default and meaning, as TOML with comments."""
    lines = ['task = "generate"', 'architecture = "lstm"  # or another one that a plugin offers, or owner/name']
    for name, kind in TABLES.items():
        lines += ["", f"[{name}]"]
        lines += [f"{line:<24}  # {item.help}" + _range(item) for item in settings_of(kind) for line in [f"{item.name} = {toml_value(item.default)}"]]
        if name == "data":
            lines += ["", "[tokenizer]", "name = \"char\"             # char, byte or another one that a plugin offers; its settings beside it"]
            lines += ["", "[model]", "# the architecture's settings, such as hidden_size = 512"]
    return "\n".join(lines) + "\n"


def recipe_text(word: str) -> str:
    """A recipe as its author wrote it. RecipeError when there is none of that name."""
    path = places.find_recipe(word)
    if path.suffix != ".toml":
        raise RecipeError(f"{path} is no recipe but a text; see seqshell train --defaults")
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from None


def describe_recipes() -> list[dict[str, str]]:
    """name, task, architecture, summary and path of every recipe. The summary is the comment that it begins with; of a faulty one, the fault."""
    found = []
    for name, path in places.list_recipes().items():
        try:
            recipe = read_recipe(path)
            first = recipe_text(str(path)).partition("\n")[0]
            told = {"task": recipe.task.value, "architecture": recipe.architecture, "summary": first.lstrip("# ") if first.startswith("#") else ""}
        except RecipeError as error:
            told = {"task": "", "architecture": "", "summary": error.message}
        found.append({"name": name, **told, "path": str(path)})
    return found


def to_toml(tables: Table) -> str:
    """The tables as TOML text: plain keys first, then each table."""
    lines = [f"{key} = {toml_value(value)}" for key, value in tables.items() if not isinstance(value, Mapping)]
    for key, value in tables.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{key}]", *(f"{name} = {toml_value(item)}" for name, item in value.items())]
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """A value as TOML writes it; JSON's escapes of a text are TOML's."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _range(item: Setting) -> str:
    return f" ({item.range})" if item.range and item.kind is not bool else ""


def _overridden(tables: Table, overrides: Iterable[str]) -> dict[str, Any]:
    """The tables with every KEY=VALUE applied; a value is TOML, or else the text itself."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in tables.items()}
    for word in overrides:
        key, equals, value = word.partition("=")
        names = key.strip().split(".")
        if not equals or len(names) > 2 or not all(names):
            raise RecipeError(f"--set takes KEY=VALUE such as training.epochs=3, not {word!r}")
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        table = result
        if len(names) == 2:
            table = result.setdefault(names[0], {})
            if not isinstance(table, dict):
                raise RecipeError(f"--set {word}: {names[0]} is no table")
        table[names[-1]] = _from_here(parsed) if names[0] == "data" and names[-1] in FILES else parsed
    return result


def _whole_batch(tables: dict[str, Any], where: str) -> dict[str, Any]:
    """The tables with `accumulate = 0` for `batch_size = "all"`: everything is learnt from before an update, in batches of the usual size."""
    training = tables.get("training")
    if not isinstance(training, dict) or training.get("batch_size") != "all":
        return tables
    if training.get("accumulate", 0) != 0:
        raise RecipeError(f'{where}: training.batch_size = "all" makes one update an epoch, and training.accumulate asks for others; leave one out')
    return {**tables, "training": {key: value for key, value in training.items() if key != "batch_size"} | {"accumulate": 0}}


def _from_here(value: Any) -> Any:
    """Files that are named beside a recipe, not in it: those of the current folder, where they are there."""
    if isinstance(value, list):
        return [_from_here(item) for item in value]
    return str(Path(value).absolute()) if isinstance(value, str) and value and Path(value).exists() else value


def _known(keys: Iterable[str], known: Iterable[str], where: str, table: str = "") -> None:
    known = tuple(known)
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            way_out = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise RecipeError(f"{where} has an unknown key {table + '.' if table else ''}{key}; {way_out}")


def _section(name: str, kind: type[Any], values: Table, where: str) -> Any:
    """`kind` built from one table, every value checked."""
    known = {item.name: item for item in settings_of(kind)}
    _known(values, known, where, name)
    try:
        return kind(**{key: known[key].parse(value) if key not in MANY_KINDS else _frozen(value) for key, value in values.items()})
    except UsageError as error:
        raise RecipeError(f"{where}: {name}.{error.message}") from None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _tokenizers(task: Task, tables: Table, where: str) -> tuple[Table, Table | None]:
    """The tokenizer, of the target if there are two, and that of the source, None if it is the same."""
    both = [key for key in ("source_tokenizer", "target_tokenizer") if key in tables]
    if both and (task is not Task.TRANSLATE or len(both) == 1 or "tokenizer" in tables):
        raise RecipeError(f"{where}: [source_tokenizer] and [target_tokenizer] stand together, instead of [tokenizer], in a recipe for translate")
    default = {"name": "bpe" if task is Task.TRANSLATE else "char"}
    found = {key: tables.get(key, default) for key in both or ["tokenizer"]}
    for key, table in found.items():
        if not isinstance(table.get("name"), str):
            raise RecipeError(f"{where}: {key}.name is missing; {default['name']}, for instance")
    source_tokenizer, *others = found.values()
    return (others[0], source_tokenizer) if others else (source_tokenizer, None)


def _check_values(task: Task, data: DataSettings, defaults: DefaultSettings, where: str) -> None:
    share = data.validation
    if task is Task.TRANSLATE:
        if bool(data.pairs) == bool(data.source and data.target) or bool(data.source) != bool(data.target):
            raise RecipeError(f"{where}: data.source and data.target are two files of sentences, or data.pairs is one with a tab in each line")
        if isinstance(share, list | tuple) and len(share) == (1 if data.pairs else 2) and all(isinstance(item, str) and item for item in share):
            share = share[0]
    elif task is Task.CLASSIFY:
        if bool(data.table) == bool(data.folder):
            raise RecipeError(f"{where}: data.table is a CSV or TSV file with texts and labels, or data.folder a folder with a file for each label")
        _check_labels(data, where)
    elif task is Task.FORECAST:
        if not data.table:
            raise RecipeError(f"{where}: data.table is missing: a CSV or TSV file with columns of numbers")
        _check_texts("data.columns", data.columns, where)
    elif not data.text:
        raise RecipeError(f"{where}: data.text is missing: a text file, or python:pydoc_data.topics")
    if isinstance(share, bool) or not isinstance(share, int | float | str) or not share or (not isinstance(share, str) and not 0 < share < 1):
        raise RecipeError(f"{where}: data.validation must be a share between 0 and 1, or a file, not {share!r}")
    _check_texts("defaults.examples", defaults.examples, where)


def _check_texts(name: str, values: Any, where: str) -> None:
    if not isinstance(values, list | tuple) or not all(isinstance(item, str) and item for item in values):
        raise RecipeError(f"{where}: {name} must be a list of texts, not {values!r}")


def _check_labels(data: DataSettings, where: str) -> None:
    _check_texts("data.label_names", data.label_names, where)
    for item in data.label_names:
        code, _, name = item.partition("=")
        if not code.strip() or not name.strip():
            raise RecipeError(f'{where}: data.label_names has items such as "0 = negative", not {item!r}')
