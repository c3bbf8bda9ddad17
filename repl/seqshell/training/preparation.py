"""Prepare a training: look up the architecture, build config and tokenizers from the data, and create the objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.model import Architecture, Series, Task
from seqshell.core.plugin_api import build, settings_of
from seqshell.core.tokenizers import Tokenizer
from seqshell.decoding.syntax import parse_chain, parse_strategy
from seqshell.host import Registry, resolve
from seqshell.training.objective import Objective
from seqshell.training.recipes.recipe import Recipe, Table

# Fields of a config that are filled in from the data.
SIZES = ("vocab_size", "source_vocab_size", "target_vocab_size", "num_classes", "num_features")


@dataclass(frozen=True)
class Prepared:
    """Everything that is decided before the first step.

    source_tokenizer: None for tasks without a source. labels: of CLASSIFY, by number. series: of FORECAST.
    """

    recipe: Recipe
    architecture: Architecture
    config: Any
    tokenizer: Tokenizer
    source_tokenizer: Tokenizer | None
    objective: Objective
    labels: tuple[str, ...] = ()
    series: Series | None = None

    @property
    def sizes(self) -> str:
        """The size of the vocabulary in words, or the number of columns of a series."""
        if self.series is not None:
            return f"{len(self.series.columns)} columns" if len(self.series.columns) > 1 else "1 column"
        if self.source_tokenizer is None or self.source_tokenizer is self.tokenizer:
            return f"vocabulary {self.tokenizer.size}" + (f", {len(self.labels)} labels" if self.labels else "")
        return f"vocabularies {self.source_tokenizer.size} and {self.tokenizer.size}"

    def new_module(self) -> Any:
        """A SequenceModel with randomly initialised weights.

        Raises RecipeError if the architecture refuses its config.
        """
        model = resolve(self.architecture.model)
        try:
            return model(self.config)
        except (ValueError, RuntimeError) as error:
            raise RecipeError(
                f"cannot build {self.architecture.name} with the settings of the recipe: {error}"
            ) from None


def prepare(recipe: Recipe, registry: Registry) -> Prepared:
    """Read the data and check everything that the recipe names.

    Raises RecipeError if something is missing or invalid.
    """
    architecture = _lookup(registry, "architecture", recipe.architecture)
    if architecture.task != recipe.task:
        what = f"{architecture.name} is an architecture for {architecture.task}"
        raise RecipeError(f"{recipe.name}: {what}, but the task is {recipe.task}")
    check_config(recipe, architecture)
    check_defaults(recipe, registry)
    return _HOMES[recipe.task](recipe, registry, architecture)


def _reading(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    from seqshell.training.language.objective import LanguageObjective, make_streams, read_recipe_text

    tokenizer, text, training_ids, validation_ids = read_recipe_text(
        recipe, _tokenizer_type(registry, recipe.tokenizer)
    )
    config = check_config(recipe, architecture, tokenizer.size)
    objective = LanguageObjective(
        recipe, architecture, config, tokenizer, text, make_streams(recipe, training_ids), validation_ids
    )
    return Prepared(recipe, architecture, config, tokenizer, None, objective)


def _translating(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    from seqshell.training.translation.objective import TranslationObjective, read_sentences, train_tokenizers

    sentences = read_sentences(recipe)
    kinds = [
        _tokenizer_type(registry, table) for table in (recipe.source_tokenizer or recipe.tokenizer, recipe.tokenizer)
    ]
    source_tokenizer, tokenizer = train_tokenizers(recipe, sentences, kinds)
    config = check_config(recipe, architecture, tokenizer.size, source_tokenizer.size)
    objective = TranslationObjective(recipe, architecture, config, source_tokenizer, tokenizer, sentences)
    return Prepared(recipe, architecture, config, tokenizer, source_tokenizer, objective)


def _classifying(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    from seqshell.training.classification.objective import ClassificationObjective, read_recipe_split
    from seqshell.training.data.vocabularies import train_tokenizer

    split = read_recipe_split(recipe)
    labels = tuple(sorted(set(split.training.labels)))
    tokenizer = train_tokenizer(
        recipe, recipe.tokenizer, _tokenizer_type(registry, recipe.tokenizer), split.training.texts, specials=True
    )
    config = check_config(recipe, architecture, tokenizer.size, num_classes=len(labels))
    return Prepared(
        recipe,
        architecture,
        config,
        tokenizer,
        None,
        ClassificationObjective(recipe, architecture, config, tokenizer, labels, split),
        labels,
    )


def _forecasting(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    from seqshell.core.series_tokenizer import Values
    from seqshell.training.forecasting.data import read_series
    from seqshell.training.forecasting.objective import make_objective

    data = recipe.data
    source = read_series(data.table, data.columns, data.time_column, folder=recipe.folder, origin=data.origin)
    config = check_config(recipe, architecture, num_features=len(source.columns))
    objective = make_objective(recipe, architecture, config, source)
    return Prepared(recipe, architecture, config, Values(source.columns), None, objective, series=objective.series)


_HOMES = {
    Task.GENERATE: _reading,
    Task.TRANSLATE: _translating,
    Task.CLASSIFY: _classifying,
    Task.FORECAST: _forecasting,
}


def check_config(
    recipe: Recipe,
    architecture: Architecture,
    vocab_size: int = 2,
    source_vocab_size: int | None = None,
    *,
    num_classes: int = 2,
    num_features: int = 1,
) -> Any:
    """The architecture's config with the recipe's [model] settings and the sizes of the data.

    Raises RecipeError for invalid settings.
    """
    config = resolve(architecture.config)
    sizes = dict(
        zip(SIZES, (vocab_size, source_vocab_size or vocab_size, vocab_size, num_classes, num_features), strict=True)
    )
    filled = {item.name: sizes[item.name] for item in settings_of(config) if item.name in sizes}
    for name in filled:
        if name in recipe.model:
            raise RecipeError(f"{recipe.name}: model.{name} is filled in from the data; leave it out")
    try:
        return build(config, {**recipe.model, **filled}, what=architecture.name)
    except UsageError as error:
        raise RecipeError(f"{recipe.name}: [model] {error.message}") from None


def check_defaults(recipe: Recipe, registry: Registry) -> None:
    """Raise RecipeError for an invalid strategy or sampler in [defaults], before the training rather than after it."""
    try:
        parse_strategy(recipe.defaults.strategy, registry.strategies)
        parse_chain(recipe.defaults.sampler, registry.samplers)
    except UsageError as error:
        raise RecipeError(f"{recipe.name}: defaults: {error.message}") from None


def _tokenizer_type(registry: Registry, table: Table) -> Any:
    return _lookup(registry, "tokenizer", table["name"])


def _lookup(registry: Registry, kind: str, name: str) -> Any:
    try:
        return registry.lookup(kind, name)
    except UsageError as error:
        raise RecipeError(error.message, hint=error.hint) from None
