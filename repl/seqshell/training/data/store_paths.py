"""Where the encoded data of a recipe are: in a file named after the data and a hash of all that it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seqshell.core import paths
from seqshell.core.version import __version__
from seqshell.training.data.array_store import ENDING, FOLDER
from seqshell.training.recipes.recipe import Recipe


def store_path(recipe: Recipe, name: str, kinds: Iterable[Any] = (), **depends: Any) -> Path:
    """The file of data that are called `name`.

    kinds: classes of tokenizers, whose version counts. depends: all else, as JSON, besides the version of seqshell.
    """
    key = {**depends, "versions": [__version__, *map(_version, kinds)]}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    return (recipe.store or paths.folder("models") / FOLDER) / f"{name[:80]}-{digest}{ENDING}"


def _version(kind: Any) -> tuple[str, str]:
    """The distribution that a tokenizer comes from, and its version."""
    from importlib.metadata import PackageNotFoundError, version

    from seqshell.core.plugin_guard import owner_of

    distribution = owner_of(kind).distribution
    try:
        return distribution, version(distribution) if distribution else ""
    except PackageNotFoundError:
        return distribution, ""
