"""Apply --set KEY=VALUE to the tables of a recipe. Imports neither torch nor numpy."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.paths import is_path
from seqshell.core.text_output import quoted
from seqshell.training.recipes.settings import FILES, TABLES

TOKENIZERS = ("tokenizer", "source_tokenizer", "target_tokenizer")
LISTS_OF_TEXTS = ("columns", "label_names", "examples", "freeze")
_TEXTS = {
    (table, item.name)
    for table, kind in TABLES.items()
    for item in dataclasses.fields(kind)
    if item.type == "str" or item.name in LISTS_OF_TEXTS
}


def apply_overrides(tables: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """The tables with each KEY=VALUE applied; a value that is not TOML is a string, and so is one of a text setting.

    Another tokenizer loses the settings of the one that it replaces, but keeps those that an override gives.
    """
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in tables.items()}
    parsed = [_parsed(override) for override in overrides]
    for names, value in parsed:
        if len(names) == 2 and names[0] in TOKENIZERS and names[1] == "name":
            old = result.get(names[0])
            if isinstance(old, dict) and old.get("name") != value:
                result[names[0]] = {}
    for names, value in parsed:
        table = result
        for number, name in enumerate(names[:-1]):
            inner = table.get(name, {})
            if not isinstance(inner, dict):
                raise RecipeError(f"--set {'.'.join(names)}: {'.'.join(names[: number + 1])} is not a table")
            table[name] = inner = dict(inner)
            table = inner
        if names[0] == "data" and names[-1] in FILES:
            value = _from_here(value)
        elif names == ["training", "teacher"] and isinstance(value, str):
            value = "+".join(_parts_from_here(value.split("+")))
        table[names[-1]] = value
    return result


def _parsed(override: str) -> tuple[list[str], Any]:
    """The parts of the key, and the value."""
    key, equals, text = override.partition("=")
    names = key.strip().split(".")
    if not equals or (len(names) > 2 and names[0] != "model") or not all(names):
        raise RecipeError(f"--set needs KEY=VALUE such as training.epochs=3, not {quoted(override)}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    # A column may be named 2020 or true.
    return names, text.strip() if tuple(names) in _TEXTS and not isinstance(value, str | list) else value


def _parts_from_here(parts: list[str]) -> Iterator[str]:
    """The names and files in A+B, files as `_from_here` makes them; the name of a file may contain the sign itself."""
    while parts:
        starts = ("+".join(parts[:number]) for number in range(1, len(parts) + 1))
        first = next((start for start in starts if is_path(start) and os.path.isfile(start)), "")
        yield _from_here(first) if first else parts[0]
        parts = parts[first.count("+") + 1 :]


def _from_here(value: Any) -> Any:
    """Make files named in an override, not in the recipe, relative to the current folder, if they exist there."""
    if isinstance(value, list):
        return [_from_here(item) for item in value]
    return str(Path(value).absolute()) if isinstance(value, str) and value and os.path.exists(value) else value
