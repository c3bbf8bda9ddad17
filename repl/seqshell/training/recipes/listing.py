"""Show recipes: all keys with their defaults, one recipe's text, and a list of all recipes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seqshell.core import paths
from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.events import Table
from seqshell.core.model import Architecture
from seqshell.core.named_files import opened, read_bytes
from seqshell.core.nested_settings import flat_settings
from seqshell.core.plugin_api import Setting, settings_of
from seqshell.core.tasks import task_spec
from seqshell.host import resolve
from seqshell.training.recipes.recipe import MAX_RECIPE, read_recipe
from seqshell.training.recipes.settings import TABLES
from seqshell.training.recipes.toml import toml_value


def defaults_text(architecture: Architecture | None = None) -> str:
    """All keys of a recipe with their defaults, as TOML with comments.

    architecture: whose settings are in [model]; None: a hint where to write them.
    """
    lines = ['task = "generate"', 'architecture = "lstm"  # or any installed architecture, or owner/name']
    if architecture is not None:
        lines = [f'task = "{architecture.task}"', f'architecture = "{architecture.name}"']
    for name, kind in TABLES.items():
        lines += ["", f"[{name}]"]
        lines += [_line(item) for item in settings_of(kind)]
        if name == "data":
            lines += [
                "",
                "[tokenizer]",
                'name = "char"             # char, byte, word, bpe or any installed tokenizer, with its settings',
            ]
            lines += ["", "[model]", *_model_lines(architecture)]
    return "\n".join(lines) + "\n"


def _line(item: Setting) -> str:
    written = f"{item.name} = {toml_value(item.default)}"
    return f"{written:<24}  # {item.help}{_range(item)}"


def _model_lines(architecture: Architecture | None) -> list[str]:
    """The settings of an architecture that the data does not decide; one without a value is a comment."""
    if architecture is None:
        return ["# the architecture's settings, such as hidden_size = 512"]
    filled = task_spec(architecture.task).sizes
    settings = [item for item in flat_settings(resolve(architecture.config)) if item.name not in filled]
    return [
        f"# {item.name} is not set; it may be {item.valid}: {item.help}" if item.default is None else _line(item)
        for item in settings
    ]


def recipe_text(name: str, folders: Iterable[Path] = ()) -> str:
    """The text of a recipe, with its comments. folders: of plugins. Raises RecipeError if there is no such recipe."""
    path = paths.find_recipe(name, folders)
    if path.suffix != ".toml":
        raise RecipeError(f"{path} is not a recipe; see seqshell train --defaults")
    try:
        return read_bytes(path, error=RecipeError, most=MAX_RECIPE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not a recipe: byte {error.start} is not UTF-8") from None


def summary(path: Path) -> str:
    """The first line of a recipe, if it is a comment; empty if the file cannot be read."""
    try:
        with opened(path) as file:
            first = file.readline(1000).decode("utf-8")
    except (UsageError, UnicodeDecodeError):
        return ""
    return first.lstrip("# ").rstrip() if first.startswith("#") else ""


def describe_recipes(folders: Iterable[Path] = ()) -> list[dict[str, str]]:
    """name, task, architecture, summary and path of all recipes. folders: of plugins.

    The summary is the first comment, or the error of an invalid recipe.
    """
    found = []
    for name, path in paths.list_recipes(folders).items():
        try:
            recipe = read_recipe(path)
            details = {
                "task": str(recipe.task),
                "architecture": recipe.architecture,
                "summary": summary(path),
            }
        except RecipeError as error:
            details = {"task": "", "architecture": "", "summary": error.message}
        found.append({"name": name, **details, "path": str(path)})
    return found


def recipes_table(folders: Iterable[Path] = ()) -> Table:
    """The recipes with their summaries and files. folders: of plugins."""
    rows = (
        (item["name"], item["task"], item["architecture"], item["summary"], item["path"])
        for item in describe_recipes(folders)
    )
    columns = ("recipe", "task", "architecture", "result", "file")
    return Table(columns, tuple(rows), optional=("file", "architecture"))


def _range(item: Setting) -> str:
    return f" ({item.range})" if item.range and item.kind is not bool else ""
