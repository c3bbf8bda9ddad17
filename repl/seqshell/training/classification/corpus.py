"""The labelled texts of a recipe as tokens: small files are read in memory, large ones once, into a file.

Both give the same texts and tokens. Whether two texts are equal, a hash of them tells.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from seqshell.core.model import Architecture
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.truncation import Cut
from seqshell.host import Registry
from seqshell.training.classification.data import (
    read_recipe_split,
)
from seqshell.training.classification.large_examples import LargeExamples, RecipeTexts
from seqshell.training.classification.large_sources import large_source
from seqshell.training.data.array_store import ArrayStore
from seqshell.training.data.late_encoding import encoded_beside
from seqshell.training.data.vocabularies import train_tokenizer
from seqshell.training.parent import open_parent, tokenizer_of
from seqshell.training.preparation import check_config, tokenizer_type
from seqshell.training.preparation_progress import Stages
from seqshell.training.recipes.recipe import Recipe


def encoding(recipe: Recipe, registry: Registry) -> Callable[[Stages], None] | None:
    """What encodes the texts of a recipe into their file, which may take minutes; None if they are few."""
    parent = tokenizer_of(open_parent(recipe, registry))
    corpus = large_examples(recipe, registry, registry.lookup("architecture", recipe.architecture), parent)
    return corpus.begin if corpus is not None else None


def beside(
    recipe: Recipe, registry: Registry, architecture: Architecture, parent: Tokenizer | None
) -> AbstractContextManager[None]:
    """A context in which the texts of a recipe are encoded while a training runs."""
    corpus = large_examples(recipe, registry, architecture, parent)
    if corpus is None or ArrayStore.open(corpus.path) is not None:
        return nullcontext()
    return encoded_beside(corpus.encode)


def read_recipe_texts(
    recipe: Recipe, registry: Registry, architecture: Architecture, parent: Tokenizer | None = None
) -> RecipeTexts:
    """The tokenizer, the texts for training and validation, and those of a large table encoded.

    parent: the tokenizer of the model that the training starts from.
    """
    if (corpus := large_examples(recipe, registry, architecture, parent)) is not None:
        return corpus.read()
    split, kind = read_recipe_split(recipe), tokenizer_type(registry, recipe.tokenizer)
    return train_tokenizer(recipe, recipe.tokenizer, kind, split.training.texts, parent, specials=True), split, None


def large_examples(
    recipe: Recipe, registry: Registry, architecture: Architecture, parent: Tokenizer | None
) -> LargeExamples | None:
    """The labelled texts of a recipe, if they are large; None for any others."""
    source = large_source(recipe)
    if source is None:
        return None
    cut = Cut.of(dataclasses.asdict(check_config(recipe, architecture)))
    return LargeExamples(recipe, source, tokenizer_type(registry, recipe.tokenizer), cut, parent)
