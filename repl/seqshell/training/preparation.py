"""From a recipe and a registry to what a training works with: architecture, config, tokenizer and the ids of both texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.decoding.words import parse_chain, parse_strategy
from seqshell.errors import RecipeError, UsageError, VocabularyError
from seqshell.host import Registry, resolve
from seqshell.models import Architecture
from seqshell.offers import build, settings_of
from seqshell.training.data import TextData, encode, fit_sizes, load_text
from seqshell.training.recipe import Recipe


@dataclass(frozen=True)
class Prepared:
    """All that is decided before the first update. training_ids, validation_ids: [N] int64."""

    recipe: Recipe
    architecture: Architecture
    config: Any
    tokenizer: Any
    data: TextData
    training_ids: NDArray[np.int64]
    validation_ids: NDArray[np.int64]
    batch_size: int
    sequence_length: int

    @property
    def reads_characters(self) -> bool:
        """Whether a token is a character, so that cold blocks of 256 are the protocol that others publish."""
        return bool(self.tokenizer.name == "char")

    def new_module(self) -> Any:
        """A new torch module with fresh weights, a SequenceModel."""
        model = resolve(self.architecture.model)
        try:
            return model(self.config)
        except (ValueError, RuntimeError) as error:
            raise RecipeError(f"{self.architecture.name} cannot be built as the recipe wants it: {error}") from None


def prepare(recipe: Recipe, registry: Registry) -> Prepared:
    """Look up and check everything that a recipe names. RecipeError says what is missing or wrong."""
    architecture = _offered(registry, "architecture", recipe.architecture)
    if architecture.task != recipe.task:
        raise RecipeError(f"{recipe.name}: {architecture.name} is an architecture for {architecture.task}, the task is {recipe.task}")
    settings = {key: value for key, value in recipe.tokenizer.items() if key != "name"}
    tokenizer_type = _offered(registry, "tokenizer", recipe.tokenizer["name"])
    check_config(recipe, architecture)
    check_defaults(recipe, registry)
    data = load_text(recipe.data, recipe.folder)
    try:
        tokenizer = tokenizer_type.train([data.training], **settings)
        if tokenizer.unk is None:  # it could not even read a validation text with a character of its own
            tokenizer = tokenizer_type.train([data.training, data.validation], **settings)
        training_ids, validation_ids = encode(tokenizer, data.training), encode(tokenizer, data.validation)
    except VocabularyError as error:
        raise RecipeError(f"{data.name}: {error.message}") from None
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{recipe.name}: the tokenizer {tokenizer_type.name} cannot be trained with {settings}: {error}") from None
    if tokenizer.size < 2 or training_ids.size < 16 or validation_ids.size < 2:
        raise RecipeError(f"{data.name} has too little to learn: {training_ids.size} tokens to train on, a vocabulary of {tokenizer.size}")
    config = check_config(recipe, architecture, tokenizer.size)
    sizes = fit_sizes(training_ids.size, recipe.training.batch_size, recipe.training.sequence_length)
    return Prepared(recipe, architecture, config, tokenizer, data, training_ids, validation_ids, *sizes)


def check_config(recipe: Recipe, architecture: Architecture, vocab_size: int = 2) -> Any:
    """The architecture's config with the recipe's [model] settings and the vocabulary's size."""
    config = resolve(architecture.config)
    filled = {item.name: vocab_size for item in settings_of(config) if item.name == "vocab_size"}
    for name in filled:
        if name in recipe.model:
            raise RecipeError(f"{recipe.name}: model.{name} is filled in from the data; leave it out")
    try:
        return build(config, {**recipe.model, **filled}, what=architecture.name)
    except UsageError as error:
        raise RecipeError(f"{recipe.name}: [model] {error.message}") from None


def check_defaults(recipe: Recipe, registry: Registry) -> None:
    """RecipeError when the strategy or the samplers of [defaults] cannot be had, so that it is not found out after the training."""
    try:
        parse_strategy(recipe.defaults.strategy, registry.strategies)
        parse_chain(recipe.defaults.sampler, registry.samplers)
    except UsageError as error:
        raise RecipeError(f"{recipe.name}: defaults: {error.message}") from None


def _offered(registry: Registry, kind: str, name: str) -> Any:
    try:
        return registry.lookup(kind, name)
    except UsageError as error:
        raise RecipeError(error.message, hint=error.hint) from None
