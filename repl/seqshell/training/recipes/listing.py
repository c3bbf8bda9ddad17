"""Recipes for people to read: every key with its default, one as its author wrote it, and all there are."""

from __future__ import annotations

from seqshell.core import paths
from seqshell.core.errors import RecipeError
from seqshell.core.plugin_api import Setting, settings_of
from seqshell.training.recipes.recipe import read_recipe
from seqshell.training.recipes.settings import TABLES
from seqshell.training.recipes.toml import toml_value


def defaults_text() -> str:
    """Every key of a recipe with its default and meaning, as TOML with comments."""
    lines = ['task = "generate"', 'architecture = "lstm"  # or another one that a plugin offers, or owner/name']
    for name, kind in TABLES.items():
        lines += ["", f"[{name}]"]
        lines += [
            f"{line:<24}  # {item.help}" + _range(item)
            for item in settings_of(kind)
            for line in [f"{item.name} = {toml_value(item.default)}"]
        ]
        if name == "data":
            lines += [
                "",
                "[tokenizer]",
                'name = "char"             # char, byte or another one that a plugin offers; its settings beside it',
            ]
            lines += ["", "[model]", "# the architecture's settings, such as hidden_size = 512"]
    return "\n".join(lines) + "\n"


def recipe_text(word: str) -> str:
    """A recipe as its author wrote it. RecipeError when there is none of that name."""
    path = paths.find_recipe(word)
    if path.suffix != ".toml":
        raise RecipeError(f"{path} is no recipe but a text; see seqshell train --defaults")
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from None


def describe_recipes() -> list[dict[str, str]]:
    """name, task, architecture, summary and path of every recipe. The summary is the comment that it begins with; of a faulty one, the fault."""
    found = []
    for name, path in paths.list_recipes().items():
        try:
            recipe = read_recipe(path)
            first = recipe_text(str(path)).partition("\n")[0]
            told = {
                "task": str(recipe.task),
                "architecture": recipe.architecture,
                "summary": first.lstrip("# ") if first.startswith("#") else "",
            }
        except RecipeError as error:
            told = {"task": "", "architecture": "", "summary": error.message}
        found.append({"name": name, **told, "path": str(path)})
    return found


def _range(item: Setting) -> str:
    return f" ({item.range})" if item.range and item.kind is not bool else ""
