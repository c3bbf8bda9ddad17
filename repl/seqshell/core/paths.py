"""Finds models, sessions and recipes by name: in the user's folder, the plugins' folders, then the shipped folder.

A string with a slash or the ending .safetensors is a path; any other is a name. Only `output_path` creates a folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from seqshell.core.errors import CheckpointError, RecipeError, UsageError
from seqshell.core.named_files import named_path, read_bytes, shown_name
from seqshell.core.names import NAME, check_name, did_you_mean

Kind = Literal["models", "sessions", "states", "plugins", "recipes", "presets", "downloads"]

ENDING = ".safetensors"
DEFAULT_MODEL = "shakespeare"  # opens without -m
# What is saved in the folder of a kind, and how.
_SAVED = MappingProxyType(
    {
        "sessions": ("saved session", "/save NAME and leaving the shell save one"),
        "states": ("saved state", "/state save NAME saves one"),
    }
)
MAX_CONFIG = 1_000_000  # bytes of config.toml
_PACKAGE = Path(__file__).parents[1]


def home() -> Path:
    """Return $SEQSHELL_HOME, else the system's folder for user data.

    It contains models/, sessions/, states/, plugins/, recipes/, presets/, downloads/ and config.toml. Raises
    UsageError if it cannot be a folder, or if the system has none.
    """
    if chosen := os.environ.get("SEQSHELL_HOME", ""):
        return named_path(chosen, error=_no_home).absolute()
    from platformdirs import user_data_dir

    try:
        found = user_data_dir("seqshell", appauthor=False)
    except RuntimeError:  # HOME is missing, and the system does not know the user
        raise _no_home("there is no home folder") from None
    return named_path(found, error=_no_home)


def _no_home(message: str) -> UsageError:
    return UsageError(f"no folder for models, sessions and settings: {message}", hint="set SEQSHELL_HOME to one")


def folder(kind: Kind) -> Path:
    """Return the user's folder for one kind of file; it may not exist yet."""
    return home() / kind


def cache() -> Path:
    """Return $SEQSHELL_HOME/cache, else the system's folder for what can be made again. Raises UsageError as `home`."""
    if os.environ.get("SEQSHELL_HOME", ""):
        return home() / "cache"
    from platformdirs import user_cache_dir

    try:
        found = user_cache_dir("seqshell", appauthor=False)
    except RuntimeError:
        raise _no_home("there is no home folder") from None
    return named_path(found, error=_no_home)


def shipped() -> Path:
    """Return the folder of the shipped checkpoints: in the installed package, else in the source checkout."""
    return _PACKAGE / "checkpoints" if is_from_wheel() else _PACKAGE.parents[1] / "checkpoints"


def is_from_wheel() -> bool:
    """Whether seqshell runs from an installed wheel, whose folder pip removes, rather than from a source checkout."""
    return (_PACKAGE / "checkpoints").is_dir()


def is_path(name: str) -> bool:
    """True if a string is a path rather than a name."""
    return "/" in name or os.sep in name or name.endswith(ENDING)


def output_path(name: str | Path, kind: Kind) -> Path:
    """Return the path to write to: a path as it is, a name in the user's folder, which is created.

    Raises UsageError for an invalid name, and for a path that ends in no name.
    """
    if isinstance(name, Path) or is_path(name):
        path = named_path(name)
        if path.name in ("", ".."):
            raise UsageError(f"{shown_name(name)} is a folder; name a file in it")
        return path
    return named_output(name, kind)


def named_output(name: str, kind: Kind, ending: str = ENDING) -> Path:
    """Return the file to write for a name in the user's folder, which is created."""
    target = folder(kind)
    check_name(name)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "set SEQSHELL_HOME to use another one"
        raise UsageError(f"cannot create the folder {target}: {error.strerror}; {hint}") from None
    return target / f"{name}{ending}"


def without_links(path: Path) -> Path:
    """The path of the file that a path leads to. Of links that lead to themselves, one of them."""
    return Path(os.path.realpath(path))


def list_checkpoints(folders: Iterable[Path] = (), kind: Kind = "models") -> dict[str, Path]:
    """Return all checkpoints by name. The order of precedence is the user's folder, `folders`, the shipped one."""
    last = [shipped()] if kind == "models" else []
    return _named([folder(kind), *folders, *last], ENDING)


def checkpoints_in(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the checkpoints of some folders by name."""
    return _named(folders, ENDING)


def find_checkpoint(name: str | Path, folders: Iterable[Path] = (), kind: Kind = "models") -> Path:
    """Return the file of a name or path. Raises CheckpointError, with the nearest names, if there is none."""
    what, save = _SAVED.get(kind, ("model", ""))
    known = list_checkpoints(folders, kind)
    if isinstance(name, Path) or is_path(name):
        path = named_path(name, error=CheckpointError)
        if not os.path.lexists(path):
            suggestion = did_you_mean(path.name.removesuffix(ENDING), known, "", most=3)
            raise CheckpointError(f"no file {shown_name(name)!r}" + (f"; {suggestion}" if suggestion else ""))
        return path
    if name not in known:
        if save and not known:
            raise CheckpointError(f"no {what} {shown_name(name)!r}: none exists yet; {save}")
        if named_path(name, error=CheckpointError).is_file():
            raise CheckpointError(f"no {what} {shown_name(name)!r}; to open the file, write ./{name}")
        if kind == "models" and name in list_recipes():
            raise CheckpointError(f"no {what} {shown_name(name)!r}; seqshell train {name} makes it")
        suggestion = did_you_mean(name, known, f"available: {', '.join(known)}", most=3)
        raise CheckpointError(
            f"no {what} {shown_name(name)!r}; {suggestion}", hint=f"to open a file, write ./NAME{ENDING}"
        )
    return known[name]


def ensemble_members(word: str | Path, folders: Iterable[Path] = (), base: Path = Path()) -> tuple[str, ...]:
    """The names or paths in A+B, which stands for an ensemble; empty if the word is one name or path.

    A path may contain the sign itself: what is a file is not divided. base: where relative paths start.
    """
    if isinstance(word, Path) or "+" not in word or os.path.isfile(base / word):
        return ()
    known, parts, start = list_checkpoints(folders), word.split("+"), 0
    found: list[str] = []
    for end in range(1, len(parts) + 1):
        part = "+".join(parts[start:end])
        if part in known or (is_path(part) and os.path.isfile(base / part)):
            found.append(part)
            start = end
    if not found:  # the first name is unknown
        return tuple(parts) if any(part in known or part in list_recipes() for part in parts) else ()
    return (*found, "+".join(parts[start:])) if start < len(parts) else tuple(found)


def list_recipes(folders: Iterable[Path] = ()) -> dict[str, Path]:
    """Return all recipes by name. The order of precedence is the user's folder, `folders`, the shipped one."""
    return _named([folder("recipes"), *folders, shipped() / "recipes"], ".toml")


def recipes_in(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the recipes of some folders by name."""
    return _named(folders, ".toml")


def find_recipe(name: str, folders: Iterable[Path] = ()) -> Path:
    """Return the recipe of a name, else the file of a path: a recipe, or a text or table to train on.

    Raises RecipeError if there is neither.
    """
    known = list_recipes(folders)
    if "/" not in name and name in known:
        return known[name]
    path = named_path(name, error=RecipeError)
    if not path.exists():
        meant = did_you_mean(name.removesuffix(".toml"), known, "seqshell recipes lists the recipes", most=3)
        raise RecipeError(f"no recipe or file {shown_name(name)!r}; {meant}")
    return path


def shipped_presets() -> dict[str, Path]:
    """Return the presets that come with seqshell by name."""
    return _named([shipped() / "presets"], ".toml")


def own_presets() -> dict[str, Path]:
    """Return the user's presets by name."""
    return _named([folder("presets")], ".toml")


def config_file() -> Path:
    """Return the path of the user's config.toml; it may not exist."""
    return home() / "config.toml"


def read_config() -> dict[str, Any]:
    """Read config.toml; empty if there is none. Raises UsageError if it cannot be read or is not TOML."""
    path = config_file()
    if not named_path(path).exists():
        return {}
    data = read_bytes(path, most=MAX_CONFIG)
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # a number may have too many digits, a list too many levels
        raise UsageError(f"{path} is not TOML: {error}") from None


def _named(folders: Iterable[Path], ending: str) -> dict[str, Path]:
    """Return the files of some folders by name, in alphabetical order. The first folder with a name wins."""
    found: dict[str, Path] = {}
    for path in folders:
        try:
            entries = list(os.scandir(path))
        except OSError:  # a missing or unreadable folder is treated as empty
            continue
        for entry in entries:
            name = entry.name.removesuffix(ending)
            if name != entry.name and NAME.fullmatch(name):
                found.setdefault(name, Path(entry.path))
    return dict(sorted(found.items()))
