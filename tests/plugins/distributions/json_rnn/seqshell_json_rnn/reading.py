"""Import a min-char-rnn (Karpathy 2015, https://gist.github.com/karpathy/d4dee566867f8291f086) from JSON.

    h' = tanh(Wxh x + Whh h + bh)        x: one-hot, [V]
    logits = Why h' + by

This is seqshell's architecture `elman` without an embedding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CharTokenizer, CheckpointError, ForeignModel, Task, UsageError

PARTS = ("Wxh", "Whh", "Why", "bh", "by", "chars")


def read(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a file. Returns None if it is not a JSON object with the parts of a min-char-rnn.

    Raises CheckpointError if it is one, but invalid. options: the user's map; its table `names` has the file's names of
    the parts, e.g. {"Wxh": "W_in"}.
    """
    if path.suffix != ".json":
        return None
    names = _names(options.get("names", {}))
    found = _json(path)
    if not isinstance(found, dict) or not any(names[part] in found for part in PARTS[:3]):
        return None
    missing = [names[part] for part in PARTS if names[part] not in found]
    if missing:
        raise CheckpointError(
            f"{path.name} is a min-char-rnn, but has no {', '.join(missing)}",
            hint="if the file has other names for them, list these in the map, under [names]",
        )
    vocabulary = _vocabulary(found[names["chars"]], path.name)
    arrays = {part: _array(found[names[part]], names[part], path.name) for part in PARTS[:-1]}
    vocab_size, hidden_size = len(vocabulary), len(arrays["Wxh"])
    shapes = {
        "Wxh": (hidden_size, vocab_size),
        "Whh": (hidden_size, hidden_size),
        "Why": (vocab_size, hidden_size),
        "bh": (hidden_size,),
        "by": (vocab_size,),
    }
    for part, shape in shapes.items():
        if part.startswith("b") and arrays[part].shape == (*shape, 1):  # columns, as in the original
            arrays[part] = arrays[part][:, 0]
        if arrays[part].shape != shape:
            sizes = " x ".join(map(str, shape))
            seen = " x ".join(map(str, arrays[part].shape))
            raise CheckpointError(
                f"{names[part]} in {path.name} is {seen} and should be {sizes}, "
                f"for {vocab_size} chars and {hidden_size} units"
            )
    weights = {
        "i2h.weight": arrays["Wxh"],
        "i2h.bias": arrays["bh"],
        "h2h.weight": arrays["Whh"],
        "h2h.bias": np.zeros(hidden_size, np.float32),  # the original has a single bias
        "h2o.weight": arrays["Why"],
        "h2o.bias": arrays["by"],
    }
    return ForeignModel(
        task=Task.GENERATE,
        architecture="elman",
        config={
            "vocab_size": vocab_size,
            "embed_size": 0,
            "hidden_size": hidden_size,
            "form": "h2o",
            "nonlinearity": "tanh",
        },
        weights=weights,
        tokenizer=CharTokenizer(vocabulary),
        about=f"A min-char-rnn of {hidden_size} units, imported from {path.name}.",
    )


def _names(table: Any) -> dict[str, str]:
    """The file's name of each part."""
    if not isinstance(table, Mapping) or not all(
        part in PARTS and isinstance(name, str) for part, name in table.items()
    ):
        raise UsageError(f"[names] of the map must give the file's names, as strings, of {', '.join(PARTS)}")
    return {part: table.get(part, part) for part in PARTS}


def _json(path: Path) -> Any:
    """The content of the file; None if it is not JSON."""
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from None


def _vocabulary(chars: Any, file: str) -> str:
    """The vocabulary, from a string or a list of single characters."""
    if not isinstance(chars, str | list) or not all(isinstance(char, str) and len(char) == 1 for char in chars):
        raise CheckpointError(f"chars in {file} must be a string or a list of single characters")
    if not chars or len(set(chars)) != len(chars):
        raise CheckpointError(f"chars in {file} must be different characters, at least one")
    return "".join(chars)


def _array(rows: Any, name: str, file: str) -> NDArray[np.float32]:
    try:
        array = np.array(rows, np.float64)
    except (TypeError, ValueError):
        raise CheckpointError(f"{name} in {file} must be rows of numbers, all of the same length") from None
    small = array.astype(np.float32) if np.abs(array).max(initial=0) < np.finfo(np.float32).max else array
    if small.dtype != np.float32 or not array.size or not array.ndim:  # NaN is not below any number
        raise CheckpointError(f"{name} in {file} must be finite numbers of float32")
    return small
