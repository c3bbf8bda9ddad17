"""The data of a training in two files: first what it needs to begin, such as its tokenizer and the places of all texts,
then the tokens of all texts, which are written while it runs. The next training uses both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from seqshell.core.errors import RecipeError
from seqshell.training.data.array_store import ArrayStore, read_written, written_once
from seqshell.training.preparation_progress import Stages, silent

Begun = TypeVar("Begun")


class TwoStores(ABC, Generic[Begun]):
    """Writes both files, each once, however many trainings need them."""

    @property
    @abstractmethod
    def needs_all(self) -> bool:
        """Whether the training asks for all tokens before it begins."""

    @abstractmethod
    def path_of(self, **part: Any) -> Path:
        """The file for these data and settings. part: which of both it is."""

    @abstractmethod
    def read_files(self, stages: Stages) -> None:
        """Read what the files are made of once, so that `path_of` knows its digests."""

    @abstractmethod
    def write_first(self, stages: Stages) -> None:
        """Write the first file."""

    @abstractmethod
    def write_tokens(self, stages: Stages) -> None:
        """Write the file with the tokens."""

    @abstractmethod
    def begun_of(self, store: ArrayStore) -> Begun:
        """What the first file has."""

    @cached_property
    def path(self) -> Path:
        """The file with the tokens."""
        return self.path_of()

    @cached_property
    def first(self) -> Path:
        """The file that is written first."""
        return self.path_of(part="first")

    def begin(self, stages: Stages) -> None:
        """Write what the training needs to begin, unless it is there."""
        self._begin(stages)
        if self.needs_all:
            self.encode(stages)

    def begun(self) -> Begun:
        """What the first file has, which is written if it is missing."""
        return read_written(self.first, lambda: self._begin(silent), self.begun_of)

    def encode(self, stages: Stages) -> None:
        """Write all tokens, unless they are there."""
        waiting = stages("waiting for another training")
        written_once(self.path, lambda: self.write_tokens(stages), lambda: waiting(0, 1))

    def tokens(self) -> ArrayStore:
        """The file with all tokens, which is written if it is missing."""
        self.encode(silent)
        if (store := ArrayStore.open(self.path)) is None:
            raise RecipeError(f"{self.path} was removed while it was read; train again")
        return store

    def _begin(self, stages: Stages) -> None:
        self.read_files(stages)
        waiting = stages("waiting for another training")
        written_once(self.first, lambda: self.write_first(stages), lambda: waiting(0, 1))
