"""The recipe of a training that starts from a model: its architecture, its settings and its tokenizer, on other data.

Imports neither torch nor numpy.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqshell.core import paths
from seqshell.core.errors import RecipeError
from seqshell.core.tasks import task_spec
from seqshell.models.file import read_header, require_kind
from seqshell.training.recipes.overrides import apply_overrides
from seqshell.training.recipes.recipe import Recipe, Table


def with_parent(recipe: Recipe, word: str, folders: Iterable[Path] = (), overrides: Iterable[str] = ()) -> Recipe:
    """The recipe, starting from the model with this name or path.

    folders: with the checkpoints of plugins. overrides: those of the recipe, whose model settings stay valid.
    Raises RecipeError if the model is for another task, and CheckpointError if there is none.
    """
    path = paths.find_checkpoint(word, folders)
    header = read_header(path)
    require_kind(header, "model", path, word)
    name, spec = path.name.removesuffix(paths.ENDING), task_spec(recipe.task)
    if header["task"] != recipe.task:
        noun = task_spec(header["task"]).noun
        raise RecipeError(
            f"{name} is {noun}, but {recipe.name} is data for {spec.noun}; --from needs a model of one task"
        )
    config = {key: value for key, value in header["config"].items() if key not in spec.sizes}
    changed = apply_overrides({}, [each for each in overrides if each.strip().startswith("model.")]).get("model", {})
    tables = recorded_recipe(header)
    return replace(
        recipe,
        architecture=header["architecture"],
        model={**config, **changed},
        tokenizer=_tokenizer(header["tokenizer"], tables, "tokenizer", "target_tokenizer"),
        source_tokenizer=_source(header, tables),
        training=replace(recipe.training, parent=str(path.absolute()) if paths.is_path(word) else word),
    )


def recorded_recipe(header: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of the recipe that a checkpoint records; empty if it has none or a damaged one."""
    provenance = header.get("provenance")
    text = provenance.get("recipe") if isinstance(provenance, Mapping) else None
    try:
        return tomllib.loads(text) if isinstance(text, str) else {}
    except tomllib.TOMLDecodeError:
        return {}


def _source(header: Mapping[str, Any], tables: Mapping[str, Any]) -> Table | None:
    source = header.get("source_tokenizer")
    return None if source in (None, header["tokenizer"]) else _tokenizer(source, tables, "source_tokenizer")


def _tokenizer(data: Any, tables: Mapping[str, Any], *keys: str) -> Table:
    """The recorded settings of a tokenizer; of one without them, its name."""
    name = str(data.get("name", ""))
    found = [tables[key] for key in keys if isinstance(tables.get(key), dict) and tables[key].get("name") == name]
    return found[0] if found else {"name": name}
