"""Train the tokenizers of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seqshell.core.errors import RecipeError
from seqshell.core.subword_tokenizers import Vocabulary
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.word_counts import CountedText
from seqshell.models.guarded_tokenizer import guarded_tokenizer, tokenizer_guard
from seqshell.training.data.extension import extended
from seqshell.training.data.token_rows import TextRows, items_at
from seqshell.training.data.word_counting import row_counts
from seqshell.training.recipes.recipe import Recipe, Table

SAMPLE = 20_000_000  # bytes; subwords, whose training takes longer, are learned from a sample of larger texts
NGRAMS = 40_000_000  # bytes of texts in a file of which n-grams are counted: all 25,000 reviews of IMDB


def every(texts: Sequence[str]) -> int:
    """Every how many of the texts of a file n-grams are counted: few enough of them fit into memory."""
    return -(-texts.size // NGRAMS) if isinstance(texts, TextRows) else 1


def shown_to_tokenizer(kind: Any, texts: Sequence[str], sides: int = 1) -> Iterable[CountedText]:
    """What a tokenizer of the type `kind` is trained on. Of texts in a file: their words, or a part of very many.

    sides: how many such texts it is trained on.
    """
    if not isinstance(texts, TextRows):
        return texts
    if trains_on_counts(kind):
        return row_counts(texts)
    size = sides * texts.size
    if size <= SAMPLE or not issubclass(kind, Vocabulary):
        return texts
    return items_at(texts, np.arange(0, len(texts), -(-size // SAMPLE)))


def trains_on_counts(kind: type[Any]) -> bool:
    """Whether a class of tokenizers promises that `train` takes words with the number of times that they occur."""
    return bool(vars(kind).get("trains_on_counts", False))


def train_tokenizer(
    recipe: Recipe,
    table: Table,
    kind: Any,
    texts: Iterable[CountedText],
    parent: Tokenizer | None = None,
    **given: bool,
) -> Tokenizer:
    """Train a tokenizer of the type `kind` with the settings of a recipe's table, such as [tokenizer].

    parent: the tokenizer of the model that the training starts from, which is kept and extended instead.
    given: settings that depend on the task, such as specials.
    Raises RecipeError for invalid settings, VocabularyError for texts that the tokenizer refuses, and PluginError for
    one that fails.
    """
    settings = {key: value for key, value in table.items() if key != "name"}
    if parent is not None and recipe.training.tune:  # its state belongs to the parent itself
        return parent
    if parent is not None:
        return (
            extended(parent, texts, int(settings.get("min_freq", 1))) if recipe.training.extend_vocabulary else parent
        )
    try:
        tokenizer: Tokenizer = kind.train(texts, **given, **settings)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{recipe.name}: cannot train the tokenizer {kind.name} with {settings}: {error}") from None
    except BaseException:
        with tokenizer_guard(kind, "failed in train"):
            raise
    return guarded_tokenizer(tokenizer)
