"""The rules for data that a plugin makes, and for the recipes that it brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.decoding.syntax import parse_chain, parse_strategy
from seqshell.host import Registry
from seqshell.testing.check import Finding
from seqshell.training.data.generated import PREFIX
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.preparation import check_config, prepare, tokenizer_type
from seqshell.training.recipes.recipe import Recipe, read_recipe

Rules = Iterator[tuple[str, Callable[[], str | Finding]]]


def data_rules(make: Callable[[], Any]) -> Rules:
    """Yield each rule for a function that makes data, with a function that tries it and returns the failure, if any."""
    owner = owner_of(make)
    data = PluginData(f"{PREFIX}mine", make, Guard("it", owner))
    yield "it returns a text, or pairs of texts", lambda: "" if data.made() else "nothing"
    yield (
        "it returns the same each time",
        lambda: "" if data.made() == data.made() else "something else the second time",
    )


def recipe_rules(path: Path, registry: Registry) -> Rules:
    """Yield each rule for a recipe of a plugin."""
    yield "it can be read, and all its keys are known", partial(_read, path)
    yield "its architecture, tokenizers, sampler and strategy are installed", partial(_installed, path, registry)
    yield "its data can be read", partial(_readable, path, registry)


def _read(path: Path) -> str:
    read_recipe(path)
    return ""


def _installed(path: Path, registry: Registry) -> str:
    recipe = read_recipe(path)
    try:
        architecture = registry.lookup("architecture", recipe.architecture)
        parse_chain(recipe.defaults.sampler, registry.samplers)
        parse_strategy(recipe.defaults.strategy, registry.strategies)
        for table in filter(None, (recipe.tokenizer, recipe.source_tokenizer)):
            tokenizer_type(registry, table)
        check_config(recipe, architecture)
    except (UsageError, RecipeError) as error:
        return error.message
    return "" if architecture.task == recipe.task else f"{architecture.name} is for the task {architecture.task}"


def _readable(path: Path, registry: Registry) -> str | Finding:
    recipe: Recipe = read_recipe(path)
    try:
        prepare(recipe, registry)
    except RecipeError as error:
        return Finding(error.message, is_warning=bool(recipe.data.origin))  # then the user has to get it
    return ""
