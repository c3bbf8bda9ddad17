"""The sentence pairs of a recipe as tokens: small files are read and encoded in memory, large ones once, into a file.

Both give the same pairs and tokens. Whether two sources of large files are equal, a hash of them tells.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.named_files import named_path
from seqshell.core.tokenizers import Tokenizer
from seqshell.host import Registry
from seqshell.training.data.array_store import ArrayStore
from seqshell.training.data.file_format import PairFormat
from seqshell.training.data.large_text import is_large
from seqshell.training.data.late_encoding import encoded_beside
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.data.python_data import NOT_FILES
from seqshell.training.parent import Parent, open_parent
from seqshell.training.preparation import tokenizer_type
from seqshell.training.preparation_progress import Stages
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.translation.data import (
    read_sentences,
)
from seqshell.training.translation.large_pairs import LargePairs, RecipePairs
from seqshell.training.translation.pair_files import PairFiles
from seqshell.training.translation.vocabularies import train_tokenizers


def read_recipe_pairs(recipe: Recipe, registry: Registry) -> tuple[Parent | None, RecipePairs]:
    """The parent, if there is one, the tokenizers of source and target, which are the parent's, the pairs, and large
    ones encoded.
    """
    sentences = None if any(map(is_large, _paths(recipe))) else read_sentences(recipe)  # a missing file is named first
    parent = open_parent(recipe, registry)
    if sentences is None and (corpus := large_pairs(recipe, registry, parent)) is not None:
        return parent, corpus.read()
    sentences = sentences or read_sentences(recipe)
    trained = train_tokenizers(recipe, sentences.training, _kinds(recipe, registry), _tokenizers_of(parent))
    return parent, (*trained, sentences, None)


def encoding(recipe: Recipe, registry: Registry) -> Callable[[Stages], None] | None:
    """What encodes the pairs of a recipe into their file, which may take minutes; None if they are few."""
    if not any(map(is_large, _paths(recipe))):
        return None
    corpus = large_pairs(recipe, registry, open_parent(recipe, registry))
    return corpus.begin if corpus is not None else None


def beside(recipe: Recipe, registry: Registry, parent: Parent | None) -> AbstractContextManager[None]:
    """A context in which the pairs of a recipe are encoded while a training runs."""
    corpus = large_pairs(recipe, registry, parent)
    if corpus is None or ArrayStore.open(corpus.path) is not None:
        return nullcontext()
    return encoded_beside(corpus.encode)


def large_pairs(recipe: Recipe, registry: Registry, parent: Parent | None) -> LargePairs | None:
    """The pairs of a recipe in large files; None for others."""
    paths = _paths(recipe)
    if not any(map(is_large, paths)):
        return None
    format = PairFormat.of(recipe.data)
    files = PairFiles.of(paths, format)
    return None if files is None else LargePairs(recipe, files, _kinds(recipe, registry), _tokenizers_of(parent))


def _paths(recipe: Recipe) -> list[Path]:
    """The files of the pairs, if they are files that exist."""
    data = recipe.data
    words = [data.pairs] if data.pairs else [data.source, data.target]
    if any(isinstance(word, PluginData) or word.startswith(NOT_FILES) for word in words):
        return []
    paths = [named_path(word, recipe.folder, RecipeError) for word in words]
    return paths if all(path.is_file() for path in paths) else []


def _kinds(recipe: Recipe, registry: Registry) -> list[Any]:
    return [
        tokenizer_type(registry, table) for table in (recipe.source_tokenizer or recipe.tokenizer, recipe.tokenizer)
    ]


def _tokenizers_of(parent: Parent | None) -> tuple[Tokenizer, Tokenizer] | None:
    if parent is None or parent.model.source_tokenizer is None:
        return None
    return parent.model.source_tokenizer, parent.model.tokenizer
