"""Read and check recipes: TOML files that say what to train, on which data, and how.

Imports neither torch nor numpy.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.named_files import read_bytes
from seqshell.core.names import did_you_mean
from seqshell.core.plugin_api import settings_of
from seqshell.core.tasks import TASKS, TaskSpec, task_spec
from seqshell.core.text_output import quoted
from seqshell.host import resolve
from seqshell.training.recipes.data_checks import check_texts
from seqshell.training.recipes.overrides import LISTS_OF_TEXTS, TOKENIZERS, apply_overrides
from seqshell.training.recipes.settings import TABLES, DataSettings, DefaultSettings, TrainingSettings

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """A checked recipe. tokenizer and model remain tables: their settings belong to plugins.

    name: the stem of its file, and of its checkpoint. folder: where its relative paths start. understood: lines that
    say what was understood of a data file; not part of `tables`. store: the folder for texts that are encoded once;
    None: the one beside the user's models. inherited: the settings of [model] for an architecture that an override
    replaced, see `for_architecture`; not part of `tables`.
    """

    name: str
    task: str
    architecture: str
    data: DataSettings
    tokenizer: Table = field(default_factory=lambda: {"name": "char"})
    source_tokenizer: Table | None = None  # None: one vocabulary for both sides
    model: Table = field(default_factory=dict)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    defaults: DefaultSettings = field(default_factory=DefaultSettings)
    folder: Path = Path()
    understood: tuple[str, ...] = ()
    store: Path | None = None
    inherited: frozenset[str] = frozenset()

    def tables(self) -> dict[str, Any]:
        """The recipe as TOML tables, with all defaults filled in."""
        return {
            "task": str(self.task),
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


TOP = ("task", "architecture", "data", *TOKENIZERS, "model", "training", "defaults")
MAX_RECIPE = 1_000_000  # bytes
MANY_KINDS = (*LISTS_OF_TEXTS, "validation", "ends", "day_first")  # their values are checked with the data


def read_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe.

    overrides: KEY=VALUE as for --set. Raises RecipeError with file and key, or line and column of the TOML.
    """
    tables = read_tables(path)
    return recipe_from(tables, name=path.stem, folder=path.parent, overrides=overrides, where=path.name)


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises RecipeError if it cannot be read or is invalid."""
    try:
        text = read_bytes(path, error=RecipeError, most=MAX_RECIPE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not a recipe: byte {error.start} is not UTF-8") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path} is not TOML: {str(error).rstrip('.')[:1].lower() + str(error)[1:]}") from None


def recipe_from(
    tables: Table, *, name: str, folder: Path, overrides: Iterable[str] = (), where: str = "recipe"
) -> Recipe:
    """Apply the overrides to the tables of a recipe, check them and fill in the defaults. Raises RecipeError."""
    overrides, written = list(overrides), tables
    tables = _whole_batch(apply_overrides(tables, overrides), where)
    _known(tables, TOP, where)
    for key in ("task", "architecture", "data"):
        if key not in tables:
            raise RecipeError(f"{where} has no {key}; see seqshell train --defaults")
    for key in ("task", "architecture"):
        if not isinstance(tables[key], str):
            raise RecipeError(f"{where}: {key} must be a text, not {quoted(tables[key])}")
    for key in TOP[2:]:
        if not isinstance(tables.get(key, {}), dict):
            raise RecipeError(f"{where}: {key} must be a table: write [{key}] with its settings below")
    if tables["task"] not in TASKS:
        raise RecipeError(f"{where}: task must be {' or '.join(TASKS)}, not {quoted(tables['task'])}")
    parts = {key: _section(key, kind, tables.get(key, {}), where) for key, kind in TABLES.items()}
    spec = task_spec(tables["task"])
    resolve(spec.data_check)(parts["data"], where)
    check_texts("defaults.examples", parts["defaults"].examples, where)
    check_texts("training.freeze", parts["training"].freeze, where)
    tokenizer, source_tokenizer = _tokenizers(spec, tables, where)
    return Recipe(
        name=name,
        task=spec.name,
        architecture=tables["architecture"],
        tokenizer=tokenizer,
        source_tokenizer=source_tokenizer,
        model=tables.get("model", {}),
        folder=folder,
        inherited=_inherited(written, tables, overrides),
        **parts,
    )


def _inherited(written: Table, tables: Table, overrides: Iterable[str]) -> frozenset[str]:
    """The settings of [model] that no override gives, if the architecture is another one than was written."""
    if written.get("architecture") in (None, tables["architecture"]):
        return frozenset()
    given = apply_overrides({}, [each for each in overrides if each.strip().startswith("model.")])
    return frozenset(tables.get("model", {})) - frozenset(given.get("model", {}))


def _whole_batch(tables: dict[str, Any], where: str) -> dict[str, Any]:
    """Replace `batch_size = "all"` by `accumulate = 0`: one step per epoch, computed in batches of the default size."""
    training = tables.get("training")
    if not isinstance(training, dict) or training.get("batch_size") != "all":
        return tables
    if training.get("accumulate", 0) != 0:
        raise RecipeError(
            f'{where}: training.batch_size = "all" and training.accumulate contradict each other; omit one of them'
        )
    return {
        **tables,
        "training": {key: value for key, value in training.items() if key != "batch_size"} | {"accumulate": 0},
    }


def _known(keys: Iterable[str], known: Iterable[str], where: str, table: str = "") -> None:
    known = tuple(known)
    for key in keys:
        if key not in known:
            path = f"{table}." if table else ""
            places = [] if table else [f"{name}.{key}" for name, kind in TABLES.items() if hasattr(kind, key)]
            meant = did_you_mean(key, known, f"available: {', '.join(known)}", form=f"{path}{{}}")
            meant = f"did you mean {' or '.join(places)}?" if places else meant
            raise RecipeError(f"{where} has an unknown key {path}{key}; {meant}")


def _section(name: str, kind: type[Any], values: Table, where: str) -> Any:
    """Build `kind` from a table, checking each value."""
    known = {item.name: item for item in settings_of(kind)}
    _known(values, known, where, name)
    try:
        return kind(
            **{
                key: known[key].parse(value) if key not in MANY_KINDS else _frozen(key, value)
                for key, value in values.items()
            }
        )
    except UsageError as error:
        raise RecipeError(f"{where}: {name}.{error.message}") from None


def _frozen(key: str, value: Any) -> Any:
    """A list as a tuple, and a single text as a tuple of one; columns and parts may be several, with commas."""
    if key in LISTS_OF_TEXTS and isinstance(value, str):
        value = [
            part.strip() for part in (value.split(",") if key in ("columns", "freeze") else [value]) if part.strip()
        ]
    return tuple(value) if isinstance(value, list) else value


def _tokenizers(spec: TaskSpec, tables: Table, where: str) -> tuple[Table, Table | None]:
    """The tables of the (target) tokenizer and of the source tokenizer, None if both sides share one."""
    both = [key for key in ("source_tokenizer", "target_tokenizer") if key in tables]
    if both and (not spec.has_source or len(both) == 1 or "tokenizer" in tables):
        rule = "use [source_tokenizer] and [target_tokenizer] together, without [tokenizer]"
        raise RecipeError(f"{where}: {rule}, and only in a recipe for translate")
    default = {"name": spec.tokenizer}
    found = {key: tables.get(key, default) for key in both or ["tokenizer"]}
    for key, table in found.items():
        if not isinstance(table.get("name"), str):
            raise RecipeError(f"{where}: {key}.name is missing, such as {default['name']}")
    source_tokenizer, *others = found.values()
    return (others[0], source_tokenizer) if others else (source_tokenizer, None)
