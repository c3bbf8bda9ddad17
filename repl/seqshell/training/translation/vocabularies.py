"""Train the tokenizers of a translation model: one for each side, or one for both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from seqshell.core.tokenizers import Tokenizer
from seqshell.core.word_counts import CountedText
from seqshell.training.data.token_rows import TextRows
from seqshell.training.data.vocabularies import shown_to_tokenizer, train_tokenizer
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.translation.data import Pairs


def train_tokenizers(
    recipe: Recipe, pairs: Pairs, kinds: Sequence[Any], parents: tuple[Tokenizer, Tokenizer] | None = None
) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizers of source and target, the same object if the recipe has one [tokenizer].

    kinds: their types. parents: the tokenizers of the model that the training starts from, which are extended.
    """
    source, target = recipe.source_tokenizer, recipe.tokenizer
    if parents is not None:  # one for both sides if the model has one
        source = None if parents[0] is parents[1] else source or target
    tables = [source, target] if source is not None else [target]
    sides: list[Sequence[str]] = [pairs.sources, pairs.targets]
    shown: list[Iterable[CountedText]] = [
        shown_to_tokenizer(kind, side, 1 if source else 2) for kind, side in zip(kinds, sides, strict=True)
    ]
    if source is None:
        shown = [chain(*shown) if isinstance(pairs.sources, TextRows) else (*pairs.sources, *pairs.targets)]
    number = len(tables)
    of_each = zip(tables, kinds[-number:], shown, (parents or (None, None))[-number:], strict=True)
    found = [train_tokenizer(recipe, table, kind, some, old, specials=True) for table, kind, some, old in of_each]
    return found[0], found[-1]
