"""Sentences with a tag for each word: read for a recipe or an evaluation, and split for validation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import quoted
from seqshell.training.data.distinct import numbers_of
from seqshell.training.data.file_format import AS_FOUND, FileFormat
from seqshell.training.data.text import read_text
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.tagging.columns import TagColumns, TaggedSentence, read_sentences


@dataclass(frozen=True)
class TaggedText:
    """Sentences with tags. name: of the file. digest: sha256 of its content."""

    name: str
    digest: str
    sentences: tuple[TaggedSentence, ...]

    @property
    def num_words(self) -> int:
        """How many words there are."""
        return sum(len(sentence.words) for sentence in self.sentences)

    @property
    def tags(self) -> tuple[str, ...]:
        """The different tags, in alphabetical order."""
        return tuple(sorted({tag for sentence in self.sentences for tag in sentence.tags}))

    def at(self, rows: Iterable[int]) -> TaggedText:
        """The sentences with these numbers."""
        return TaggedText(self.name, self.digest, tuple(self.sentences[row] for row in rows))


def read_tagged(
    word: str, columns: TagColumns, folder: Path = Path(), origin: str = "", format: FileFormat = AS_FOUND
) -> TaggedText:
    """Read the sentences of a file, or of data such as python:code.

    folder: where relative paths start. origin: where the user can get a missing file. RecipeError for invalid data.
    """
    name, text, digest = read_text(word, folder, origin, format)
    return TaggedText(name, digest, tuple(read_sentences(name, text, columns)))


def read_recipe_tagged(recipe: Recipe) -> tuple[TaggedText, TaggedText]:
    """The sentences of a recipe for training and for validation. RecipeError for invalid data."""
    data = recipe.data
    columns, format = TagColumns(data.word_column, data.tag_column), FileFormat.of(data)
    found = read_tagged(data.tags, columns, recipe.folder, data.origin, format)
    if isinstance(data.validation, str):
        return checked(found), read_tagged(data.validation, columns, recipe.folder, data.origin, format)
    assert isinstance(data.validation, float | int)  # checked with the recipe
    training, validation = split_tagged(found, data.validation)
    return checked(training), validation


def split_tagged(text: TaggedText, share: float) -> tuple[TaggedText, TaggedText]:
    """Select a share of the sentences for validation, at random but always the same.

    All copies of a sentence are on one side. RecipeError if there are fewer than two different sentences.
    """
    numbers = _numbers(text)
    different = int(numbers.max()) + 1
    if different < 2:
        raise RecipeError(f"{text.name} has only one sentence; some are for training and others for validation")
    chosen = np.zeros(different, bool)
    number = min(different - 1, max(1, round(share * different)))
    chosen[np.random.default_rng(0).permutation(different)[:number]] = True
    held_out = chosen[numbers]
    return text.at(np.flatnonzero(~held_out).tolist()), text.at(np.flatnonzero(held_out).tolist())


def folds(text: TaggedText, num: int) -> list[int]:
    """A random fold below `num` for each sentence, always the same; equal sentences get the same fold."""
    numbers = _numbers(text)
    drawn = np.random.default_rng(0).permutation(int(numbers.max()) + 1) % num
    found: list[int] = drawn[numbers].tolist()
    return found


def checked(text: TaggedText) -> TaggedText:
    """The text. RecipeError unless it has at least two tags."""
    if len(text.tags) < 2:
        raise RecipeError(f"{text.name} has only the tag {quoted(text.tags[0])}; a tagger needs at least two")
    return text


def _numbers(text: TaggedText) -> NDArray[Any]:
    """The number of each sentence among the different ones."""
    return numbers_of(" ".join(sentence.words) for sentence in text.sentences)
