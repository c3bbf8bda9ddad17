"""Texts with labels: from a table with a column for each, or from a folder with a file for each label; and how they are split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqshell.core.errors import RecipeError
from seqshell.training.data.tables import read_table
from seqshell.training.data.text import read_text
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.recipes.settings import DataSettings

ENDING = ".txt"  # of the files of a folder
SHOWN = 12  # labels that an error names


@dataclass(frozen=True)
class Columns:
    """Where texts and labels stand in a table, and what labels are called. text_key, label_key: what lets the user name other columns.

    names: a label for each code of the data; what has none is a label itself.
    """

    text: str = "text"
    label: str = "label"
    names: Mapping[str, str] = field(default_factory=dict)
    text_key: str = "data.text_column"
    label_key: str = "data.label_column"


@dataclass(frozen=True)
class Examples:
    """Texts and the label of each. name, digest: of the file or folder, and the sha256 of what it holds.

    places: where the label of each was read, in words. num_blank: how many were left out because they have no text.
    """

    name: str
    digest: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    places: tuple[str, ...]
    num_blank: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    def at(self, rows: Iterable[int]) -> Examples:
        """Those of some rows."""
        kept = list(rows)
        texts, labels, places = (tuple(part[row] for row in kept) for part in (self.texts, self.labels, self.places))
        return Examples(self.name, self.digest, texts, labels, places, self.num_blank)


@dataclass(frozen=True)
class ExampleSplit:
    """Examples cut in two: to train on and to validate on."""

    training: Examples
    validation: Examples


def read_examples(word: str, columns: Columns, folder: Path = Path(), origin: str = "") -> Examples:
    """The examples of a table or of a folder; relative paths start at `folder`, and `origin` says where a missing one comes from.

    White space in a text or label is a single space, as it is when a text is typed. RecipeError, with row and column, for a label or column that is
    missing, an empty file, nothing but blank texts.
    """
    path = folder / Path(word).expanduser()
    name, digest, rows = _folder(path) if path.is_dir() else _table(word, columns, folder, origin)
    found = [
        (" ".join(text.split()), columns.names.get(label, " ".join(label.split())), place)
        for text, label, place in rows
    ]
    kept = [item for item in found if item[0]]
    if not kept:
        raise RecipeError(f"{name} has no texts")
    texts, labels, places = zip(*kept, strict=True)
    return Examples(name, digest, texts, labels, places, len(found) - len(kept))


def read_recipe_examples(recipe: Recipe, word: str = "") -> Examples:
    """All examples of a recipe, or those of another table or folder that it names. RecipeError as `read_examples`."""
    data = recipe.data
    columns = Columns(data.text_column, data.label_column, label_names(data))
    return read_examples(word or data.table or data.folder, columns, recipe.folder, data.origin)


def label_names(data: DataSettings) -> dict[str, str]:
    """What the codes of the data are called: of "0 = negative" it is {"0": "negative"}."""
    return {code.strip(): name.strip() for code, _, name in (item.partition("=") for item in data.label_names)}


def split_examples(examples: Examples, share: float) -> ExampleSplit:
    """A share of the texts of every label for validation, drawn by chance, always the same; a text that comes again is all on one side.

    RecipeError, with the row, for a label that has a single text: there is none for the other side.
    """
    check_labels(examples.labels, examples.name)
    labels_of: dict[str, set[str]] = {}
    for text, label in zip(examples.texts, examples.labels, strict=True):
        labels_of.setdefault(text, set()).add(label)
    counts = Counter(label for labels in labels_of.values() for label in labels)
    for label, place in zip(examples.labels, examples.places, strict=True):
        if counts[label] < 2:
            raise RecipeError(
                f"{place}: {label!r} has this one text alone; a label needs two, to train and to validate on: add one, or leave it out"
            )
    groups: dict[str, list[str]] = {}
    for text, labels in labels_of.items():  # a text with several labels goes with the rarest
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
    """A number below `num` for each text, drawn by chance, always the same; the same text has the same number."""
    different = list(dict.fromkeys(texts))
    drawn = np.random.default_rng(0).permutation(len(different)) % num
    number = dict(zip(different, drawn.tolist(), strict=True))
    return [number[text] for text in texts]


def check_labels(labels: Sequence[str], name: str) -> None:
    """RecipeError unless there are two labels at least."""
    if len(set(labels)) < 2:
        raise RecipeError(f"{name} has the one label {labels[0]!r}; a classifier chooses among two at least")


def check_seen(examples: Examples, labels: Iterable[str]) -> None:
    """RecipeError, with row and column, for an example whose label is none of `labels`."""
    known = sorted(set(labels))
    for label, place in zip(examples.labels, examples.places, strict=True):
        if label not in known:
            shown = ", ".join(known[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
            raise RecipeError(f"{place}: the label {label!r} was never seen in training; there are {shown}")


def _table(word: str, columns: Columns, folder: Path, origin: str) -> tuple[str, str, Iterator[tuple[str, str, str]]]:
    """name, digest, and of each row its text, label and place."""
    table = read_table(word, folder, origin)
    text, label = table.place(columns.text, columns.text_key), table.place(columns.label, columns.label_key)

    def rows() -> Iterator[tuple[str, str, str]]:
        for index, row in enumerate(table.rows):
            place = table.where(index, columns.label)
            if not row[label].strip():
                raise RecipeError(f"{place}: there is no label")
            yield row[text], row[label].strip(), place

    return table.name, table.digest, rows()


def _folder(path: Path) -> tuple[str, str, Iterator[tuple[str, str, str]]]:
    """The same of the lines of the files of a folder, whose stems are the labels."""
    try:
        files = sorted(
            file for file in path.iterdir() if file.suffix.lower() == ENDING and not file.name.startswith(".")
        )
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror or error}") from None
    if not files:
        raise RecipeError(f"{path} has no files LABEL{ENDING}, which hold the examples of a label, one a line")
    read = [(file.stem, *read_text(str(file))) for file in files]
    digest = hashlib.sha256("".join(f"{name} {part}\n" for _, name, _, part in read).encode()).hexdigest()

    def rows() -> Iterator[tuple[str, str, str]]:
        for label, name, text, _ in read:
            for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
                yield line, label, f"{name}, line {number}"

    return path.absolute().name, digest, rows()
