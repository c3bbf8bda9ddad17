"""Labelled texts: read from a table or from a folder with a file per label, and split for validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.named_files import named_path
from seqshell.core.tables.kinds import NO_TEXT
from seqshell.core.tables.reading import parse_table
from seqshell.core.tables.table_file import TableFile
from seqshell.core.text_output import quoted
from seqshell.training.classification.folders import read_folder
from seqshell.training.data.coded import counts_of, label_counts, numbers_of_labels
from seqshell.training.data.distinct import numbers_of
from seqshell.training.data.fasttext import is_fasttext, read_fasttext
from seqshell.training.data.file_format import AS_FOUND, FileFormat
from seqshell.training.data.small_integers import rows_where
from seqshell.training.data.text import read_text
from seqshell.training.data.token_rows import items_at
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.recipes.settings import DataSettings

SHOWN = 12  # labels that an error lists


@dataclass(frozen=True)
class Columns:
    """The columns of a table that hold texts and labels.

    names: the label for each code in the data; a code without a name is its own label.
    text_key, label_key: the recipe key or option with which the user selects another column.
    """

    text: str = "text"
    label: str = "label"
    names: Mapping[str, str] = field(default_factory=dict)
    text_key: str = "data.text_column"
    label_key: str = "data.label_column"

    def places(self, table: TableFile) -> tuple[int, int]:
        """The indices of both in a table. Raises RecipeError for a missing one."""
        return table.place(self.text, self.text_key), table.place(self.label, self.label_key)

    def label_of(self, cell: str) -> str:
        """The label in a cell of a table; "" for none."""
        label = cell.strip()
        if label in NO_TEXT and label not in self.names:
            label = ""
        return self.names.get(label, " ".join(label.split()))


@dataclass(frozen=True)
class Examples:
    """Texts and their labels.

    name: of the file or folder. digest: sha256 of its content.
    places: where each label was read, for messages. num_blank, num_unlabelled: number of examples left out because
    they have no text, or no label.
    """

    name: str
    digest: str
    texts: Sequence[str]
    labels: Sequence[str]
    places: Sequence[str]
    num_blank: int = 0
    num_unlabelled: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    def at(self, rows: Iterable[int]) -> Examples:
        """The examples with these row numbers."""
        kept = rows if isinstance(rows, np.ndarray) else np.fromiter(rows, np.int64)
        texts, labels, places = (items_at(part, kept) for part in (self.texts, self.labels, self.places))
        return Examples(self.name, self.digest, texts, labels, places, self.num_blank, self.num_unlabelled)


@dataclass(frozen=True)
class ExampleSplit:
    """Examples for training and for validation."""

    training: Examples
    validation: Examples


def read_examples(
    word: str, columns: Columns, folder: Path = Path(), origin: str = "", format: FileFormat = AS_FOUND
) -> Examples:
    """Read the examples of a table, a folder, or a file for fastText.

    folder: where relative paths start. origin: where the user can get a missing file.
    White space in texts and labels becomes single spaces, as it is in a typed text.
    Raises RecipeError for a missing column, an empty file, or no texts with labels.
    """
    path = named_path(word, folder, RecipeError)
    name, digest, rows = read_folder(path, format) if path.is_dir() else _table(word, columns, folder, origin, format)
    found = [
        (" ".join(text.split()), columns.names.get(label, " ".join(label.split())), place)
        for text, label, place in rows
    ]
    written = [item for item in found if item[0]]
    kept = [item for item in written if item[1]]
    if not kept:
        raise RecipeError(f"{name} has no {'labels' if written else 'texts'}")
    texts, labels, places = zip(*kept, strict=True)
    return Examples(name, digest, texts, labels, places, len(found) - len(written), len(written) - len(kept))


def read_recipe_examples(recipe: Recipe, word: str = "") -> Examples:
    """The examples of a recipe, or of another table or folder that it names.

    Raises RecipeError like `read_examples`.
    """
    data = recipe.data
    return read_examples(
        word or data.table or data.folder,
        recipe_columns(data),
        recipe.folder,
        data.origin,
        FileFormat.of(data),
    )


def read_recipe_split(recipe: Recipe) -> ExampleSplit:
    """Read the examples of a recipe and split them by share or by file.

    Raises RecipeError, with row and column, for invalid data.
    """
    examples, validation = read_recipe_examples(recipe), recipe.data.validation
    if isinstance(validation, float | int):
        return split_examples(examples, validation)
    assert isinstance(validation, str)  # checked with the recipe
    check_labels(examples.labels, examples.name)
    others = read_recipe_examples(recipe, validation)
    check_seen(others, examples.labels)
    return ExampleSplit(examples, others)


def recipe_columns(data: DataSettings) -> Columns:
    """The columns that a recipe names."""
    return Columns(data.text_column, data.label_column, label_names(data))


def label_names(data: DataSettings) -> dict[str, str]:
    """The label of each code: {"0": "negative"} for "0 = negative"."""
    return {code.strip(): name.strip() for code, _, name in (item.partition("=") for item in data.label_names)}


def split_examples(examples: Examples, share: float) -> ExampleSplit:
    """Select a share of each label's texts for validation, at random but always the same.

    All copies of a text are on one side. Raises RecipeError, with the row, for a label with a single text.
    """
    split = ExampleSplit(*map(examples.at, split_rows(examples, share)))
    check_seen(split.validation, label_counts(split.training.labels))
    return split


def split_rows(
    examples: Examples, share: float, texts: NDArray[Any] | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows for training and those for validation. Errors as for `split_examples`.

    texts: [N], the number of each text among the different ones, if it is known.
    """
    check_labels(examples.labels, examples.name)
    names = sorted(label_counts(examples.labels))
    labels, texts = numbers_of_labels(examples.labels, names), numbers_of(examples.texts) if texts is None else texts
    pairs = _different(texts.astype(np.int64) * len(names) + labels)  # each text with each of its labels
    of_label, begins = (
        (pairs % len(names)).astype(labels.dtype),
        np.flatnonzero(np.diff(pairs // len(names), prepend=-1)),
    )
    del pairs
    counts = counts_of(of_label, len(names))
    if len(single := np.flatnonzero((counts < 2)[labels])):
        label, place = examples.labels[int(single[0])], examples.places[int(single[0])]
        advice = "a label needs two texts, for training and validation"
        raise RecipeError(f"{place}: this is the only text labelled {quoted(label)}; {advice}")
    # A text with several labels belongs to the rarest.
    rank = np.argsort(np.argsort(counts, kind="stable")).astype(labels.dtype)
    rarest = np.minimum.reduceat(rank[of_label], begins)
    draws, chosen = np.random.default_rng(0), np.zeros(len(rarest), bool)
    for label_rank in rank.tolist():
        members = np.flatnonzero(rarest == label_rank)
        if len(members):
            number = min(len(members) - 1, max(1, round(share * len(members))))
            chosen[members[draws.permutation(len(members))[:number]]] = True
    held_out = chosen[texts]
    return rows_where(~held_out), rows_where(held_out)


def _different(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The different ones of numbers from 0 on, sorted."""
    size = int(numbers.max(initial=-1)) + 1
    if size > 8 * len(numbers):  # so that marks take no more memory than the numbers
        return np.unique(numbers)
    marks = np.zeros(size, bool)
    marks[numbers] = True
    return np.flatnonzero(marks)


def folds(texts: Sequence[str], num: int) -> list[int]:
    """Assign each text a random fold below `num`, always the same; equal texts get the same fold."""
    numbers = numbers_of(texts)
    drawn = np.random.default_rng(0).permutation(int(numbers.max()) + 1 if len(numbers) else 0) % num
    found: list[int] = drawn[numbers].tolist()
    return found


def check_labels(labels: Sequence[str], name: str) -> None:
    """Raise RecipeError unless there are at least two labels."""
    if len(label_counts(labels)) < 2:
        raise RecipeError(f"{name} has only the label {quoted(labels[0])}; a classifier needs at least two")


def check_seen(examples: Examples, labels: Iterable[str]) -> None:
    """Raise RecipeError, with row and column, for an example whose label is not in `labels`."""
    found = set(labels)
    if found.issuperset(label_counts(examples.labels)):
        return
    known = sorted(found)
    for label, place in zip(examples.labels, examples.places, strict=True):
        if label not in found:
            shown = ", ".join(known[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
            raise RecipeError(
                f"{place}: the label {quoted(label)} does not occur in the training data, which has {shown}"
            )


def _table(
    word: str, columns: Columns, folder: Path, origin: str, format: FileFormat
) -> tuple[str, str, Iterator[tuple[str, str, str]]]:
    """Name, digest, and the (text, label, place) of each row of a table, or of each line for fastText."""
    name, content, digest = read_text(word, folder, origin, format)
    if is_fasttext(content):
        lines = read_fasttext(name, content.split("\n"))
        return name, digest, ((text, label, f"{name}, line {number}") for label, text, number in lines)
    table = parse_table(name, content, digest, header=format.header, wanted=(columns.text, columns.label))
    rows = rows_of_table(table, zip(table.numbers, table.rows, strict=True), columns)
    found = ((text, label, f"{name}, row {number}, column {columns.label}") for text, label, number in rows)
    return table.name, table.digest, found


def rows_of_table(
    table: TableFile, rows: Iterable[tuple[int, Sequence[str]]], columns: Columns
) -> Iterator[tuple[str, str, int]]:
    """The text, the label and the number of each row of a table, "" for none; white space becomes single spaces.

    rows: with their numbers. Raises RecipeError for a missing column.
    """
    places = columns.places(table)
    label_of = lru_cache(columns.label_of)

    def found() -> Iterator[tuple[str, str, int]]:
        for number, row in rows:
            yield _single_spaced(row[places[0]]), label_of(row[places[1]]), number

    return found()


def _single_spaced(text: str) -> str:
    """A text whose white space is single spaces; most texts are so already."""
    if text.isprintable() and "  " not in text and text.strip(" ") == text:
        return text
    return " ".join(text.split())
