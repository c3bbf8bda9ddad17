"""Labelled texts: read from a table or from a folder with a file per label, and split for validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqshell.core.errors import RecipeError
from seqshell.core.named_files import named_path
from seqshell.core.tables.kinds import NO_TEXT
from seqshell.core.tables.reading import parse_table
from seqshell.core.text_output import quoted
from seqshell.training.classification.folders import read_folder
from seqshell.training.data.fasttext import is_fasttext, read_fasttext
from seqshell.training.data.file_format import AS_FOUND, FileFormat
from seqshell.training.data.text import read_text
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


@dataclass(frozen=True)
class Examples:
    """Texts and their labels.

    name: of the file or folder. digest: sha256 of its content.
    places: where each label was read, for messages. num_blank, num_unlabelled: number of examples left out because
    they have no text, or no label.
    """

    name: str
    digest: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    places: tuple[str, ...]
    num_blank: int = 0
    num_unlabelled: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    def at(self, rows: Iterable[int]) -> Examples:
        """The examples with these row numbers."""
        kept = list(rows)
        texts, labels, places = (tuple(part[row] for row in kept) for part in (self.texts, self.labels, self.places))
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
    columns = Columns(data.text_column, data.label_column, label_names(data))
    return read_examples(
        word or data.table or data.folder,
        columns,
        recipe.folder,
        data.origin,
        FileFormat.of(data),
    )


def label_names(data: DataSettings) -> dict[str, str]:
    """The label of each code: {"0": "negative"} for "0 = negative"."""
    return {code.strip(): name.strip() for code, _, name in (item.partition("=") for item in data.label_names)}


def split_examples(examples: Examples, share: float) -> ExampleSplit:
    """Select a share of each label's texts for validation, at random but always the same.

    All copies of a text are on one side. Raises RecipeError, with the row, for a label with a single text.
    """
    check_labels(examples.labels, examples.name)
    labels_of: dict[str, set[str]] = {}
    for text, label in zip(examples.texts, examples.labels, strict=True):
        labels_of.setdefault(text, set()).add(label)
    counts = Counter(label for labels in labels_of.values() for label in labels)
    for label, place in zip(examples.labels, examples.places, strict=True):
        if counts[label] < 2:
            advice = "a label needs two texts, for training and validation"
            raise RecipeError(f"{place}: this is the only text labelled {quoted(label)}; {advice}")
    groups: dict[str, list[str]] = {}
    for text, labels in labels_of.items():  # a text with several labels belongs to the rarest
        groups.setdefault(min(labels, key=lambda label: (counts[label], label)), []).append(text)
    draws, chosen = np.random.default_rng(0), set[str]()
    for label in sorted(groups):
        texts = groups[label]
        number = min(len(texts) - 1, max(1, round(share * len(texts))))
        chosen |= {texts[index] for index in draws.permutation(len(texts))[:number]}
    sides = [
        [row for row, text in enumerate(examples.texts) if (text in chosen) == of_validation]
        for of_validation in (False, True)
    ]
    split = ExampleSplit(*map(examples.at, sides))
    check_seen(split.validation, split.training.labels)
    return split


def folds(texts: Sequence[str], num: int) -> list[int]:
    """Assign each text a random fold below `num`, always the same; equal texts get the same fold."""
    different = list(dict.fromkeys(texts))
    drawn = np.random.default_rng(0).permutation(len(different)) % num
    number = dict(zip(different, drawn.tolist(), strict=True))
    return [number[text] for text in texts]


def check_labels(labels: Sequence[str], name: str) -> None:
    """Raise RecipeError unless there are at least two labels."""
    if len(set(labels)) < 2:
        raise RecipeError(f"{name} has only the label {quoted(labels[0])}; a classifier needs at least two")


def check_seen(examples: Examples, labels: Iterable[str]) -> None:
    """Raise RecipeError, with row and column, for an example whose label is not in `labels`."""
    known = sorted(set(labels))
    for label, place in zip(examples.labels, examples.places, strict=True):
        if label not in known:
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
        lines = read_fasttext(name, content)
        return name, digest, ((text, label, f"{name}, line {number}") for label, text, number in lines)
    table = parse_table(name, content, digest, header=format.header, wanted=(columns.text, columns.label))
    text, label = table.place(columns.text, columns.text_key), table.place(columns.label, columns.label_key)

    def rows() -> Iterator[tuple[str, str, str]]:
        for index, row in enumerate(table.rows):
            place, found = table.where(index, columns.label), row[label].strip()
            if found in NO_TEXT and found not in columns.names:
                found = ""
            yield row[text], found, place

    return table.name, table.digest, rows()
