"""Where names live: the user's own folder, then the plugins' folders, then what ships. Knows no file's inside.

A word with a slash or the ending .safetensors is a path, every other is a name. Nothing here creates a folder but `place`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from seqshell.core.errors import CheckpointError, RecipeError, UsageError
from seqshell.core.names import NAME, check_name, did_you_mean

Kind = Literal["models", "sessions", "plugins", "recipes"]

ENDING = ".safetensors"


def home() -> Path:
    """$SEQSHELL_HOME, or where the system keeps users' data. It holds models/, sessions/, plugins/, recipes/ and config.toml."""
    chosen = os.environ.get("SEQSHELL_HOME", "")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("seqshell", appauthor=False)


def folder(kind: Kind) -> Path:
    """The user's own folder for one kind of thing; it need not exist yet."""
    return home() / kind


def shipped() -> Path:
    """The checkpoints that come with seqshell: inside an installed package, else in the checkout beside the source root."""
    package = Path(__file__).parents[1]
    inside = package / "checkpoints"
    return inside if inside.is_dir() else package.parents[1] / "checkpoints"


def is_path(word: str) -> bool:
    """Whether a word means a file rather than a name."""
    return "/" in word or os.sep in word or word.endswith(ENDING)


def place(word: str | Path, kind: Kind) -> Path:
    """Where a thing called `word` is to be written: a path is itself, a name goes to the user's folder, which is made."""
    if isinstance(word, Path) or is_path(word):
        return Path(word).expanduser()
    there = folder(kind)
    check_name(word)
    try:
        there.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {there}: {error.strerror}; SEQSHELL_HOME chooses another") from None
    return there / f"{word}{ENDING}"


def list_checkpoints(folders: Iterable[Path] = (), kind: Kind = "models") -> dict[str, Path]:
    """Every checkpoint by name; where two places have one name, the first place wins: the user's, `folders`, the shipped."""
    places = [folder(kind), *folders, *([shipped()] if kind == "models" else [])]
    return _named(places, ENDING)


def find_checkpoint(word: str | Path, folders: Iterable[Path] = (), kind: Kind = "models") -> Path:
    """The file that a word means. CheckpointError, with the nearest names, when there is none."""
    what = "model" if kind == "models" else "saved session"
    known = list_checkpoints(folders, kind)
    if isinstance(word, Path) or is_path(word):
        path = Path(word).expanduser()
        if not os.path.lexists(path):
            meant = did_you_mean(path.name.removesuffix(ENDING), known, "", most=3)
            raise CheckpointError(f"no file {str(word)!r}" + (f"; {meant}" if meant else ""))
        return path
    if word not in known:
        listed = f"available: {', '.join(known)}" if known else "there is none yet"
        meant = did_you_mean(word, known, listed, most=3)
        raise CheckpointError(f"no {what} {word!r}; {meant}", hint=f"to open a file, write ./NAME{ENDING}")
    return known[word]


def list_recipes() -> dict[str, Path]:
    """Every recipe by name: the user's own, then the shipped ones."""
    return _named([folder("recipes"), shipped() / "recipes"], ".toml")


def find_recipe(word: str) -> Path:
    """The recipe of a name, else the file of that path: a recipe, or a text or table to train on. RecipeError when neither is there."""
    known = list_recipes()
    if "/" not in word and word in known:
        return known[word]
    path = Path(word).expanduser()
    if not path.exists():
        meant = did_you_mean(word.removesuffix(".toml"), known, "", most=3)
        recipes = f"recipes: {', '.join(known) or 'none'}"
        raise RecipeError(f"no recipe or file {word!r}; " + (f"{meant} {recipes}" if meant else recipes))
    return path


def config_file() -> Path:
    """The user's config.toml; it need not exist."""
    return home() / "config.toml"


def read_config() -> dict[str, Any]:
    """What config.toml says; empty without one. UsageError when it cannot be read or is no TOML."""
    path = config_file()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None


def _named(places: Iterable[Path], ending: str) -> dict[str, Path]:
    """Files by name, the first place wins; names in alphabetical order."""
    found: dict[str, Path] = {}
    for place in places:
        try:
            entries = list(os.scandir(place))
        except OSError:  # a folder that is not there, or may not be read, holds nothing
            continue
        for entry in entries:
            name = entry.name.removesuffix(ending)
            if name != entry.name and NAME.fullmatch(name):
                found.setdefault(name, Path(entry.path))
    return dict(sorted(found.items()))
