"""What a word after `train` means: a recipe by name or path, or files of data, for which a shipped recipe stands. Imports neither torch nor numpy.

A file is a text. A table, CSV or TSV, whose first row names the columns text and label is labelled texts, and so is a folder of files LABEL.txt.
One with a time and numbers is a series. Any other that ends in .tsv and has a tab in its first line is pairs of sentences, and so are two files,
line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seqshell.core import paths as places
from seqshell.core.errors import RecipeError
from seqshell.training.recipes.recipe import Recipe, read_recipe, read_tables, recipe_from

TEXT_CHARACTERS = 10_000_000  # how many a training on a text file reads, every epoch counted
PAIR_BYTES = 40_000_000  # the same of pairs, both sides together: a quarter of an hour on one core
MOST_EPOCHS = 100
BATCH_SHARE = 200  # so many batches of tokens there are bytes for, or of texts there are texts for: a small file is learnt in small batches
LEAST_BATCH = 64  # tokens
LEAST_TEXTS = 8  # labelled texts of a batch
LABELLED_CHARACTERS = 100_000_000  # the same of labelled texts
SHORT = 2  # words; texts that have fewer on the average are read by characters
BY_HEART = 200  # fewer pairs than these are too few to leave some out
SERIES_ROWS = 60_000  # the same of rows of numbers
SHORTEST_SEASON, LONGEST_HORIZON = 4, 48  # steps: a season in between is the horizon
ROWS_PER_STEP = 12  # so many rows there are for each step ahead at least, and
ROWS_PER_SEGMENT = 6  # times its size for each segment of a window
LEAST_ROWS, ROWS_PER_CHUNK = 4, 50  # a batch has so many batches of the series at least, and one for so many rows
TABLE_ENDINGS = (".csv", ".tsv", ".tab")
LANGUAGE = re.compile(r"[a-z]{2}")  # what a file may end in when it is named after its language: test.fr


def load_recipe(words: str | Sequence[str], overrides: Iterable[str] = ()) -> Recipe:
    """The recipe of a name or TOML file; any other file, or two of them, are data to train on. RecipeError when there is no such thing."""
    words = [words] if isinstance(words, str) else list(words)
    if len(words) == 2:
        return pair_recipe([_data_file(word) for word in words], overrides)
    if len(words) > 2:
        raise RecipeError(
            f"train takes one recipe, one file, or two files, a source and its translations; {words[2]!r} is too much"
        )
    path = places.find_recipe(words[0])
    if path.suffix == ".toml":
        return read_recipe(path, overrides)
    overrides = list(overrides)
    if is_labelled(path, overrides):
        return class_recipe(path, overrides)
    if is_series(path, overrides):
        return series_recipe(path, overrides)
    return pair_recipe([path], overrides) if is_pairs(path) else text_recipe(path, overrides)


def is_labelled(path: Path, overrides: Iterable[str] = ()) -> bool:
    """Whether a path is a folder, or a file that says by its ending and its first row that it is a table of texts and labels.

    overrides: those of the recipe, which may call the two columns by other names.
    """
    if path.is_dir():
        return True
    if not path.name.lower().removesuffix(".gz").endswith(TABLE_ENDINGS):
        return False
    wanted = _overridden({"data.text_column": "text", "data.label_column": "label"}, overrides)
    from seqshell.training.data.tables import column_names

    return set(wanted.values()) <= set(column_names(path))


def is_series(path: Path, overrides: Iterable[str] = ()) -> bool:
    """Whether a file says by its ending and its first rows that it is a table of numbers."""
    if not path.name.lower().removesuffix(".gz").endswith(TABLE_ENDINGS):
        return False
    from seqshell.training.forecasting.data import find_columns

    return find_columns(path, _overridden({"data.time_column": ""}, overrides)["data.time_column"]) is not None


def is_pairs(path: Path) -> bool:
    """Whether a file says by its ending and its first line that it has a tab between source and target."""
    if path.suffix.lower() != ".tsv" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return b"\t" in file.readline()
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror or error}") from None


def text_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """The shipped recipe `text` with a text file for its data; a short text is read more often than a long one."""
    tables = _shipped("text")
    tables["data"]["text"] = path.name
    tables["training"]["epochs"] = _epochs(TEXT_CHARACTERS, _size(path))
    tables["defaults"]["about"] = f"It goes on with what you write, in the manner of {path.name}."
    return recipe_from(
        tables, name=_name(path.stem) or "text", folder=path.parent, overrides=overrides, where=path.name
    )


def pair_recipe(paths: Sequence[Path], overrides: Iterable[str] = ()) -> Recipe:
    """The shipped recipe `pairs` with one file of two columns, or with a source and a target file, whose endings may name their languages.

    A small file is read more often, in smaller batches. Fewer than 200 pairs are learnt by heart, and validated on themselves.
    """
    size, tables = sum(map(_size, paths)), _shipped("pairs")
    folder = paths[0].parent
    names = [path.name if path.parent == folder else str(path.absolute()) for path in paths]
    data, training = tables["data"], tables["training"]
    if len(paths) == 1:
        del data["origin"]
        data["pairs"] = names[0]
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
    tables["defaults"]["about"] = f"It translates sentences like those of {files}."
    return recipe_from(tables, name=_pair_name(paths), folder=folder, overrides=overrides, where=files)


def class_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """The shipped recipe `classes` with a table of texts and labels, or with a folder. Texts of about one word are read by characters.

    Few texts are read more often, in smaller batches.
    """
    from seqshell.training.classification.data import read_recipe_examples

    overrides, tables = list(overrides), _shipped("classes")
    path = path.absolute()
    stem = path.name if path.is_dir() else path.name.removesuffix(".gz").rpartition(".")[0]
    name = _name(stem) or "classes"
    del tables["data"]["origin"], tables["data"]["table"]
    tables["data"]["folder" if path.is_dir() else "table"] = path.name
    tables["defaults"]["about"] = f"It tells which label of {path.name} a text has."

    def recipe() -> Recipe:
        return recipe_from(tables, name=name, folder=path.parent, overrides=overrides, where=path.name)

    texts = read_recipe_examples(recipe()).texts
    training = tables["training"]
    training["epochs"] = _epochs(LABELLED_CHARACTERS, sum(map(len, texts)))
    training["sample_every"] = max(1, training["epochs"] // 10)
    training["batch_size"] = max(LEAST_TEXTS, min(training["batch_size"], len(texts) // BATCH_SHARE))
    if sum(len(text.split()) for text in texts) < SHORT * len(texts):
        tables["tokenizer"] = {"name": "char"}
    return recipe()


def series_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """The shipped recipe `series` with a table of numbers. It looks a season ahead, where that is not long, and back as far as its rows allow.

    Few rows are read more often, in smaller batches.
    """
    from seqshell.training.forecasting.baselines import find_season
    from seqshell.training.forecasting.data import find_columns, read_series, split_rows

    overrides, tables = list(overrides), _shipped("series")
    path = path.absolute()
    name = _name(path.name.removesuffix(".gz").rpartition(".")[0]) or "series"
    data, model, training = tables["data"], tables["model"], tables["training"]
    del data["origin"]
    time_column = _overridden({"data.time_column": ""}, overrides)["data.time_column"]
    data["table"], data["time_column"] = path.name, (find_columns(path, time_column) or ("", ()))[0]

    def recipe() -> Recipe:
        return recipe_from(tables, name=name, folder=path.parent, overrides=overrides, where=path.name)

    wanted = recipe().data
    source = read_series(wanted.table, wanted.columns, wanted.time_column, folder=path.parent)
    rows = len(split_rows(wanted, source.name, len(source), 1).training)  # everything is chosen by these alone
    season = find_season(source.values[:rows])
    horizon = max(
        1,
        min(season if SHORTEST_SEASON <= season <= LONGEST_HORIZON else model["horizon"], len(source) // ROWS_PER_STEP),
    )
    model["horizon"] = model["segment"] = horizon
    model["window"] = horizon * max(2, min(model["window"] // horizon, rows // (ROWS_PER_SEGMENT * horizon)))
    training["epochs"] = _epochs(SERIES_ROWS, rows)
    training["sample_every"] = max(1, training["epochs"] // 10)
    training["batch_size"] = max(LEAST_ROWS, min(training["batch_size"], rows // ROWS_PER_CHUNK))
    steps = "1 step" if horizon == 1 else f"{horizon} steps"
    tables["defaults"]["about"] = (
        f"It forecasts {steps} of {', '.join(source.columns)}; /forecast @{path.name.removesuffix('.gz')} reads your table."
    )
    return recipe()


def _overridden(wanted: dict[str, str], overrides: Iterable[str]) -> dict[str, str]:
    """Keys with their values, or those that overrides give them."""
    return wanted | {
        key.strip(): value.strip()
        for key, _, value in (word.partition("=") for word in overrides)
        if key.strip() in wanted
    }


def _shipped(name: str) -> dict[str, Any]:
    return read_tables(places.shipped() / "recipes" / f"{name}.toml")


def _data_file(word: str) -> Path:
    """A file among two. RecipeError when it is none."""
    path = Path(word).expanduser()
    is_recipe = path.suffix == ".toml" or (not path.exists() and word in places.list_recipes())
    if is_recipe or not path.exists():
        what = f"{word!r} is a recipe, which is trained by itself" if is_recipe else f"there is no file {word!r}"
        raise RecipeError(f"{what}; two words are two files, a source and its translations")
    return path


def _size(path: Path) -> int:
    """In bytes."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror or error}") from None


def _epochs(wanted: int, size: int) -> int:
    return max(1, min(MOST_EPOCHS, wanted // max(1, size)))


def _has_few_lines(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return all(number < BY_HEART for number, _ in enumerate(file, 1))
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror or error}") from None


def _pair_name(paths: Sequence[Path]) -> str:
    """train.de and train.en are train-de-en; mypairs.tsv is mypairs."""
    if len(paths) == 1:
        return _name(paths[0].stem) or "pairs"
    stems, endings = [path.stem for path in paths], [path.suffix[1:] for path in paths]
    parts = [*dict.fromkeys(stems), *(endings if stems[0] == stems[1] else [])]
    return _name("-".join(filter(None, parts))) or "pairs"


def _name(stem: str) -> str:
    """A stem as the name of a checkpoint; "" when nothing is left of it."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in stem
    ).lstrip("._-")[:64]
