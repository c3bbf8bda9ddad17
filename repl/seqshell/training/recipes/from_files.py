"""Find the recipe for the arguments of `seqshell train`: a recipe, or data files with a shipped recipe.

Imports neither torch nor numpy.

What a file is for, labelled texts, sentence pairs, series of numbers, words with tags or a text, is found out by its
content in `training/data/understanding.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seqshell.core import paths as places
from seqshell.core.errors import RecipeError
from seqshell.core.named_files import named_path, opened, shown_name
from seqshell.core.tasks import Task
from seqshell.training.recipes import marked_text
from seqshell.training.recipes.overrides import apply_overrides
from seqshell.training.recipes.recipe import Recipe, Table, read_recipe, read_tables, recipe_from

# How much a training reads in all its epochs together, to bound its time.
TEXT_CHARACTERS = 10_000_000
PAIR_BYTES = 40_000_000  # both sides together: a quarter of an hour on one core
LABELLED_CHARACTERS = 100_000_000
SERIES_ROWS = 60_000
TAGGED_BYTES = 50_000_000
TAGGED_WORD = 10  # bytes of a word with its tag, about
MAX_EPOCHS = 100
BATCH_SHARE = 200  # an epoch has at least about this many batches: small files get small batches
LEAST_BATCH = 64  # tokens in a batch
LEAST_TEXTS = 8  # labelled texts in a batch
CHARACTERS = 4  # longest n-grams of the linear part of texts that are read by characters
SHORT = 2  # words; texts with fewer on average are read by characters
FEW_PAIRS = 200  # fewer pairs are too few to hold some out
SHORTEST_SEASON, LONGEST_HORIZON = 4, 48  # steps: a season in this range becomes the horizon
ROWS_PER_STEP = 12  # rows of the series per step of the horizon, at least
ROWS_PER_SEGMENT = 6  # training rows per row of the window, at least
ROWS_PER_VALUE = 3  # training rows per value that the linear forecast reads, at least
LEAST_ROWS, ROWS_PER_CHUNK = 4, 50  # chunks in a batch: at least 4, else one for every 50 rows
NOTHING: Table = MappingProxyType({})  # found: settings of [data] that say how a file is understood
LANGUAGE = re.compile(r"[a-z]{2}")  # the ending of a file named after its language: test.fr


def load_recipe(names: str | Sequence[str], overrides: Iterable[str] = (), folders: Iterable[Path] = ()) -> Recipe:
    """The recipe with this name or path, or one for a data file or two. folders: with the recipes of plugins.

    Raises RecipeError if there is none.
    """
    names = [names] if isinstance(names, str) else list(names)
    if len(names) == 2:
        return pair_recipe([_data_file(name, folders) for name in names], overrides)
    if len(names) > 2:
        raise RecipeError(f"unexpected {names[2]!r}; train takes one recipe, one file, or a source and a target file")
    path = places.find_recipe(names[0], folders)
    if path.suffix == ".toml":
        return read_recipe(path, overrides)
    from seqshell.training.data.understanding import understand

    overrides = list(overrides)
    found = understand(path, apply_overrides({}, overrides))
    make = {
        Task.GENERATE: text_recipe,
        Task.TRANSLATE: one_file_of_pairs,
        Task.CLASSIFY: class_recipe,
        Task.FORECAST: series_recipe,
        Task.TAG: tag_recipe,
    }
    recipe = make[Task(found.task)](path, overrides, found.data)
    return replace(recipe, understood=tuple(dict.fromkeys((*found.lines, *recipe.understood))))


def text_recipe(path: Path, overrides: Iterable[str] = (), found: Table = NOTHING) -> Recipe:
    """The shipped recipe `text` on a text file; a short text gets more epochs.

    A text with marks such as <unk> and @-@ is read by words, unless an override names another tokenizer.
    """
    overrides, tables = list(overrides), _shipped("text")
    tables["data"]["text"] = path.name
    tables["training"]["epochs"] = _epochs(TEXT_CHARACTERS, _size(path))
    tables["defaults"]["about"] = f"Continues what you write in the style of {path.name}."
    tokenizer = _overridden({"tokenizer.name": marked_text.TOKENIZER}, overrides)["tokenizer.name"]
    marks = marked_text.find_marks(path)
    if marks and tokenizer == marked_text.TOKENIZER:
        marked_text.use_words(tables, marks)
    recipe = recipe_from(
        tables, name=_name(path.stem) or "text", folder=path.parent, overrides=overrides, where=path.name
    )
    return replace(recipe, understood=marked_text.describe(path.name, marks, tokenizer))


def one_file_of_pairs(path: Path, overrides: Iterable[str] = (), found: Table = NOTHING) -> Recipe:
    """The shipped recipe `pairs` on one file."""
    return pair_recipe([path], overrides, found)


def pair_recipe(paths: Sequence[Path], overrides: Iterable[str] = (), found: Table = NOTHING) -> Recipe:
    """The shipped recipe `pairs` on one table, or on two files, whose endings may name their languages.

    A small file gets more epochs and smaller batches. Fewer than 200 pairs are all used for training and also for
    validation.
    """
    size, tables = sum(map(_size, paths)), _shipped("pairs")
    folder = paths[0].parent
    names = [path.name if path.parent == folder else str(path.absolute()) for path in paths]
    data, training = tables["data"], tables["training"]
    if len(paths) == 1:
        del data["origin"]
        data |= {"pairs": names[0], **found}
    else:
        del data["origin"], data["pairs"]
        data["source"], data["target"] = names
        endings = [path.suffix[1:].lower() for path in paths]
        if all(map(LANGUAGE.fullmatch, endings)):
            data["source_language"], data["target_language"] = endings
    if _has_few_lines(paths[0]):
        data["validation"] = names[0] if len(paths) == 1 else names
    training["epochs"] = _epochs(PAIR_BYTES, size)
    training["sample_every"] = max(1, training["epochs"] // 10)
    training["batch_tokens"] = max(LEAST_BATCH, min(training["batch_tokens"], size // BATCH_SHARE))
    files = " and ".join(path.name for path in paths)
    tables["defaults"]["about"] = f"Translates sentences like those in {files}."
    return recipe_from(tables, name=_pair_name(paths), folder=folder, overrides=overrides, where=files)


def class_recipe(path: Path, overrides: Iterable[str] = (), found: Table = NOTHING) -> Recipe:
    """The shipped recipe `classes` on a table or folder of labelled texts.

    Texts of about one word are read by characters.

    Few texts get more epochs and smaller batches.
    """
    from seqshell.training.classification.large_sources import text_sizes

    overrides, tables = list(overrides), _shipped("classes")
    path = path.absolute()
    stem = path.name if path.is_dir() else path.name.removesuffix(".gz").rpartition(".")[0]
    name = _name(stem) or "classes"
    del tables["data"]["origin"], tables["data"]["table"]
    tables["data"] |= {"folder" if path.is_dir() else "table": path.name, **found}
    tables["defaults"]["about"] = f"Labels texts like those in {path.name}."

    def recipe() -> Recipe:
        return recipe_from(tables, name=name, folder=path.parent, overrides=overrides, where=path.name)

    number, characters, words = text_sizes(recipe())
    training = tables["training"]
    training["epochs"] = _epochs(LABELLED_CHARACTERS, characters)
    training["sample_every"] = max(1, training["epochs"] // 10)
    training["batch_size"] = max(LEAST_TEXTS, min(training["batch_size"], number // BATCH_SHARE))
    if words < SHORT * number:
        tables["tokenizer"] = {"name": "char"}
        tables["model"]["linear_ngrams"] = CHARACTERS
    return recipe()


def tag_recipe(path: Path, overrides: Iterable[str] = (), found: Table = NOTHING) -> Recipe:
    """The shipped recipe `tags` on words with tags; a small file gets more epochs and smaller batches."""
    size, tables = _size(path), _shipped("tags")
    del tables["data"]["origin"]
    tables["data"] |= {"tags": path.name, **found}
    training = tables["training"]
    training["epochs"] = _epochs(TAGGED_BYTES, size)
    training["sample_every"] = max(1, training["epochs"] // 10)
    training["batch_tokens"] = max(LEAST_BATCH, min(training["batch_tokens"], size // (TAGGED_WORD * BATCH_SHARE)))
    tables["defaults"]["about"] = f"Tags words as in {path.name}."
    name = _name(path.name.removesuffix(".gz").rpartition(".")[0]) or "tags"
    return recipe_from(tables, name=name, folder=path.parent, overrides=overrides, where=path.name)


def series_recipe(path: Path, overrides: Iterable[str] = (), found: Table = NOTHING) -> Recipe:
    """The shipped recipe `series` on a table of numbers.

    The horizon is a season, unless that is long; the window is as long as the rows allow.

    Few rows get more epochs and smaller batches.
    """
    from seqshell.training.forecasting.corpus import first_series
    from seqshell.training.forecasting.parts import common_season, split_series

    overrides, tables = list(overrides), _shipped("series")
    path = path.absolute()
    name = _name(path.name.removesuffix(".gz").rpartition(".")[0]) or "series"
    data, model, training = tables["data"], tables["model"], tables["training"]
    del data["origin"]
    data["table"], data["time_column"] = path.name, ""

    def recipe() -> Recipe:
        return recipe_from(tables, name=name, folder=path.parent, overrides=overrides, where=path.name)

    source, times_longer = first_series(recipe())
    data["time_column"], data["series_column"] = source.time_column, source.series_column
    source, parts = split_series(source, recipe().data, 1)
    sizes = [(len(part.training), len(part.values)) for part in parts]
    rows, shortest = (
        round(times_longer * sum(size for size, _ in sizes)),
        min(sizes),
    )  # held-out rows must not influence the choices
    season = common_season([part.training for part in parts])
    horizon = max(
        1,
        min(season if SHORTEST_SEASON <= season <= LONGEST_HORIZON else model["horizon"], shortest[1] // ROWS_PER_STEP),
    )
    model["horizon"] = model["segment"] = horizon
    model["window"] = horizon * max(2, min(model["window"] // horizon, shortest[0] // (ROWS_PER_SEGMENT * horizon)))
    model["linear_window"] = max(season + 1, min(model["linear_window"], shortest[0] // ROWS_PER_VALUE))
    training["epochs"] = _epochs(SERIES_ROWS, rows)
    training["sample_every"] = max(1, training["epochs"] // 10)
    training["batch_size"] = max(LEAST_ROWS, min(training["batch_size"], rows // ROWS_PER_CHUNK))
    steps = "1 step" if horizon == 1 else f"{horizon} steps"
    command = f"/forecast @{path.name}"
    tables["defaults"]["about"] = f"Forecasts {steps} of {', '.join(source.columns)}; {command} reads your table."
    return replace(recipe(), understood=source.understood)


def _overridden(values: dict[str, str], overrides: Iterable[str]) -> dict[str, str]:
    """The values with the overrides of their keys applied."""
    return values | {
        key.strip(): value.strip()
        for key, _, value in (override.partition("=") for override in overrides)
        if key.strip() in values
    }


def _shipped(name: str) -> dict[str, Any]:
    return read_tables(places.shipped() / "recipes" / f"{name}.toml")


def _data_file(name: str, folders: Iterable[Path]) -> Path:
    """One of two data files. Raises RecipeError for a recipe or a missing file."""
    path = named_path(name, error=RecipeError)
    is_recipe = path.suffix == ".toml" or (not path.exists() and name in places.list_recipes(folders))
    if is_recipe or not path.exists():
        what = f"{shown_name(name)!r} is a recipe" if is_recipe else f"no file {shown_name(name)!r}"
        raise RecipeError(f"{what}; train takes one recipe, one file, or a source and a target file")
    return path


def _size(path: Path) -> int:
    """The size of a file in bytes."""
    with opened(path, error=RecipeError) as file:
        return os.fstat(file.fileno()).st_size


def _epochs(total: int, size: int) -> int:
    return max(1, min(MAX_EPOCHS, total // max(1, size)))


def _has_few_lines(path: Path) -> bool:
    with opened(path, error=RecipeError) as file:
        return all(number < FEW_PAIRS for number, _ in enumerate(file, 1))


def _pair_name(paths: Sequence[Path]) -> str:
    """The name of the recipe: train-de-en for train.de and train.en, mypairs for mypairs.tsv."""
    if len(paths) == 1:
        return _name(paths[0].stem) or "pairs"
    stems, endings = [path.stem for path in paths], [path.suffix[1:] for path in paths]
    parts = [*dict.fromkeys(stems), *(endings if stems[0] == stems[1] else [])]
    return _name("-".join(filter(None, parts))) or "pairs"


def _name(stem: str) -> str:
    """A stem turned into a valid name for a checkpoint; may be ""."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in stem
    ).lstrip("._-")[:64]
