"""Train the tokenizers of a recipe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.tokenizers import Tokenizer
from seqshell.models.guarded_tokenizer import guarded_tokenizer, tokenizer_guard
from seqshell.training.recipes.recipe import Recipe, Table


def train_tokenizer(recipe: Recipe, table: Table, kind: Any, texts: Iterable[str], **given: bool) -> Tokenizer:
    """Train a tokenizer of the type `kind` with the settings of a recipe's table, such as [tokenizer].

    given: settings that depend on the task, such as specials.
    Raises RecipeError for invalid settings, VocabularyError for texts that the tokenizer refuses, and PluginError for
    one that fails.
    """
    settings = {key: value for key, value in table.items() if key != "name"}
    try:
        tokenizer: Tokenizer = kind.train(texts, **given, **settings)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{recipe.name}: cannot train the tokenizer {kind.name} with {settings}: {error}") from None
    except BaseException:
        with tokenizer_guard(kind, "failed in train"):
            raise
    return guarded_tokenizer(tokenizer)
