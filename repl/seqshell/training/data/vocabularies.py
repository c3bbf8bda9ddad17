"""Tokenizers as recipes want them, learnt from the texts that are trained on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.tokenizers import Tokenizer
from seqshell.training.recipes.recipe import Recipe, Table


def train_tokenizer(recipe: Recipe, table: Table, kind: Any, texts: Iterable[str], **given: bool) -> Tokenizer:
    """The tokenizer of a recipe's table such as [tokenizer]. kind: its type. given: settings that the task decides: specials.

    RecipeError of settings that cannot be. VocabularyError of texts is the caller's.
    """
    settings = {key: value for key, value in table.items() if key != "name"}
    try:
        tokenizer: Tokenizer = kind.train(texts, **given, **settings)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"{recipe.name}: the tokenizer {kind.name} cannot be trained with {settings}: {error}"
        ) from None
    return tokenizer
