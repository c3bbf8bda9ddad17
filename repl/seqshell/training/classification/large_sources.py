"""Labelled texts that are too large to be read at once: a table, a file for fastText, or a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from seqshell.core.errors import RecipeError
from seqshell.core.named_files import named_path
from seqshell.training.classification.data import Columns, read_recipe_examples, recipe_columns, rows_of_table
from seqshell.training.classification.folders import Folder, find_files
from seqshell.training.data import large_text
from seqshell.training.data.cell_blocks import CellBlock, Column, Irregular
from seqshell.training.data.fasttext import SAMPLE, is_fasttext, read_fasttext
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.large_table import BEGINNING, LargeTable, large_table
from seqshell.training.data.large_text import LargeText, Report, is_large, lines_of, unheard
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.data.python_data import NOT_FILES
from seqshell.training.recipes.recipe import Recipe

LINES = 1 << 40  # more than a file of a folder has


class LargeSource(Protocol):
    """Labelled texts that are read as often as needed. number: of a row, from which `place` knows where it is."""

    @property
    def path(self) -> Path:
        """The file or folder."""

    @property
    def size(self) -> int:
        """Bytes of all files."""

    @property
    def digest(self) -> str:
        """The sha256 of the content, as Examples has it."""

    @property
    def text(self) -> LargeText:
        """The file of which `cells` gives places."""

    def read(self, report: Report) -> None:
        """Read all once, so that `digest` is known."""

    def cells(self, report: Report) -> Iterator[CellBlock]:
        """The cells of texts and of labels, found by their bytes.

        Raises Irregular, perhaps after some blocks, if the rows must be read one by one.
        """

    def rows(self, report: Report) -> Iterator[tuple[str, str, int]]:
        """Text, label and number of each row, "" for none; white space is single spaces."""

    def place(self, number: int) -> str:
        """Where a row is, for messages."""

    def first(self) -> tuple[list[str], float]:
        """The first texts that have a label, and how many times as many all are, about."""


@dataclass(frozen=True)
class TableSource:
    """A table with a column of texts and one of labels."""

    table: LargeTable
    columns: Columns

    @property
    def path(self) -> Path:
        return self.table.text.path

    @property
    def size(self) -> int:
        return self.table.text.size

    @property
    def digest(self) -> str:
        return self.text.sha256()

    @property
    def text(self) -> LargeText:
        return self.table.text

    def read(self, report: Report) -> None:
        self.text.sha256(report)

    def cells(self, report: Report) -> Iterator[CellBlock]:
        text, label = self.columns.places(self.table.beginning)
        found = Column(text, is_hashed=True, single_spaced=True), Column(label, is_hashed=True)
        return self.table.blocks(found, report)

    def rows(self, report: Report) -> Iterator[tuple[str, str, int]]:
        return rows_of_table(self.table.beginning, self.table.rows(report), self.columns)

    def place(self, number: int) -> str:
        return f"{self.path.name}, row {number}, column {self.columns.label}"

    def first(self) -> tuple[list[str], float]:
        begins = self.table.beginning
        rows = rows_of_table(begins, zip(begins.numbers, begins.rows, strict=True), self.columns)
        return [text for text, label, _ in rows if text and label], self.table.times_longer


@dataclass(frozen=True)
class FastTextSource:
    """A file for fastText."""

    text: LargeText
    columns: Columns

    @property
    def path(self) -> Path:
        return self.text.path

    @property
    def size(self) -> int:
        return self.text.size

    @property
    def digest(self) -> str:
        return self.text.sha256()

    def read(self, report: Report) -> None:
        self.text.sha256(report)

    def cells(self, report: Report) -> Iterator[CellBlock]:
        raise Irregular

    def rows(self, report: Report) -> Iterator[tuple[str, str, int]]:
        for label, text, number in read_fasttext(self.path.name, lines_of(self.text.blocks(report))):
            yield text, self.columns.names.get(label, label), number

    def place(self, number: int) -> str:
        return f"{self.path.name}, line {number}"

    def first(self) -> tuple[list[str], float]:
        return _first(self)


@dataclass(frozen=True)
class FolderSource:
    """A folder with a file for each label, or with a folder of files for each. See `Folder`."""

    folder: Folder
    encoding: str
    columns: Columns

    @property
    def path(self) -> Path:
        return self.folder.path.absolute()

    @property
    def size(self) -> int:
        return sum(text.size for _, text in self._texts())

    @property
    def digest(self) -> str:
        lines = (f"{self._name(label, text)} {text.sha256()}\n" for label, text in self._texts())
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def text(self) -> LargeText:
        return next(self._texts())[1]

    def read(self, report: Report) -> None:
        for _, text, part in self._reported(report):
            text.sha256(part)

    def cells(self, report: Report) -> Iterator[CellBlock]:
        raise Irregular

    def rows(self, report: Report) -> Iterator[tuple[str, str, int]]:
        for file, (label, text, part) in enumerate(self._reported(report)):
            name = self.columns.names.get(label, " ".join(label.split()))
            lines = ["".join(text.blocks(part))] if self.folder.whole else lines_of(text.blocks(part))
            for line, content in enumerate(lines):
                yield " ".join(content.split()), name, file * LINES + line

    def place(self, number: int) -> str:
        label, file = self.folder.files[number // LINES]
        name = self._name(label, LargeText(file))
        return name if self.folder.whole else f"{name}, line {number % LINES + 1}"

    def first(self) -> tuple[list[str], float]:
        return _first(self)

    def _texts(self) -> Iterator[tuple[str, LargeText]]:
        return ((label, LargeText(file, self.encoding)) for label, file in self.folder.files)

    def _name(self, label: str, text: LargeText) -> str:
        return f"{label}/{text.path.name}" if self.folder.whole else text.path.name

    def _reported(self, report: Report) -> Iterator[tuple[str, LargeText, Report]]:
        """The texts with their labels, and a report for each, as if they were one."""
        done, total = 0, self.size
        for label, text in self._texts():

            def part(read: int, _: int, before: int = done) -> None:
                report(before + read, total)

            yield label, text, part
            done += text.size


def _first(source: LargeSource) -> tuple[list[str], float]:
    """See `LargeSource.first`."""
    texts, size = list[str](), 0
    for text, label, _ in source.rows(unheard):
        if size > BEGINNING:
            return texts, source.size / size
        texts += [text] if text and label else []
        size += len(text.encode()) + 1
    return texts, 1.0


def text_sizes(recipe: Recipe) -> tuple[int, int, int]:
    """The number of texts with a label, and of their characters and words; of many, as the first ones tell."""
    source = large_source(recipe)
    texts, times = (read_recipe_examples(recipe).texts, 1.0) if source is None else source.first()
    sizes = len(texts), sum(map(len, texts)), sum(len(text.split()) for text in texts)
    return round(times * sizes[0]), round(times * sizes[1]), round(times * sizes[2])


def large_source(recipe: Recipe) -> LargeSource | None:
    """The labelled texts of a recipe, if they are large; None for others, and for what plugins make."""
    data, columns = recipe.data, recipe_columns(recipe.data)
    word = data.table or data.folder
    if not word or isinstance(word, PluginData) or word.startswith(NOT_FILES):
        return None
    path, format = named_path(word, recipe.folder, RecipeError), FileFormat.of(data)
    if path.is_dir():
        source = FolderSource(find_files(path), format.encoding, columns)
        return source if source.size >= large_text.LARGE else None
    if not is_large(path):
        return None
    text = LargeText(path, format.encoding)
    if is_fasttext("".join(islice(lines_of(text.blocks()), SAMPLE))):
        return FastTextSource(text, columns)
    table = large_table(path, format, (columns.text, columns.label))
    return None if table is None else TableSource(table, columns)
