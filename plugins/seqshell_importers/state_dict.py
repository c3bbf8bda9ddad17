"""The importer `state_dict`: language models of nn.RNN, nn.LSTM or nn.GRU layers, as torch saves them.

The model has an nn.Embedding or one-hot tokens, recurrent layers and an nn.Linear. This module reads the file;
`weight_matching` finds which weight is which. Tables of MAP.toml:

    [weights]                     # names in the file; each may be left out if the shapes are unambiguous
    recurrent = "rnn"             # or several, from the bottom up: ["rnn1", "rnn2"]
    embedding = "encoder"         # false: tokens are one-hot
    readout = "decoder"           # the embedding's name if they share one matrix
    ignore = ["criterion"]        # weights that are not part of the model
    inside = "model_state"        # of a .pt: the entry that contains the weights

    [config]                      # settings of the architecture that the weights do not show
    nonlinearity = "relu"         # of nn.RNN; default: tanh, as in torch
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seqshell import (
    CheckpointError,
    ForeignModel,
    Record,
    SeqshellError,
    StoredTensor,
    Task,
    UsageError,
    read_torch,
    recognise_file,
    weights_of,
)
from seqshell_importers.own_tokens import own_tokenizer
from seqshell_importers.weight_matching import WeightMatch, match_weights

PICKLED = (".pt", ".pth", ".ckpt", ".bin")  # names that promise a file of torch
READABLE = ("checkpoint", "safetensors", "torch", "mixed", "object")  # kinds of seqshell.ForeignFile
KEYS: Mapping[str, tuple[type, ...]] = {  # of the table [weights]
    "recurrent": (str, list),
    "embedding": (str, bool),
    "readout": (str,),
    "ignore": (list,),
    "inside": (str,),
}
GIVEN = ("allow_pt", "vocabulary")  # options that are not of a map
TABLES = ("weights", "config", "tokenizer", "defaults", "importer", "about")


def read_state_dict(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a file of safetensors or of torch, whatever its name is: weights, or whole modules with their weights.

    Returns None for other files. Raises UsageError for an invalid map and CheckpointError for an unreadable file.
    """
    found = recognise_file(path)
    if found.kind not in READABLE:
        if path.suffix == ".safetensors" or path.suffix in PICKLED or found.kind != "other":
            raise found.error(path)
        return None
    names = _weights_table(options)
    if found.kind == "checkpoint":
        raise UsageError(f"{path.name} is already a seqshell checkpoint; open it with seqshell -m {path}")
    loaded = _read_safetensors(path) if found.kind == "safetensors" else read_torch(path)
    try:
        tensors = _inside(loaded, names)
        shapes = {name: tuple(value.shape) for name, value in tensors.items()}
        match = match_weights(shapes, names, partial(_are_equal, tensors))
        return ForeignModel(
            Task.GENERATE,
            match.architecture,
            {**match.config, **_settings(loaded, match), **options.get("config", {})},
            _weights(tensors, match),
            tokenizer=own_tokenizer(loaded, match.config["vocab_size"]),
            about=f"imported from {path.name}",
        )
    except SeqshellError as error:
        raise type(error)(f"{path.name}: {error.message}") from None


def _weights_table(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table [weights] of a map. Raises UsageError if the map is invalid."""
    for key in options:
        if key not in (*TABLES, *GIVEN):
            raise UsageError(f"{key!r} is not a map key of the importer state_dict; available: {', '.join(TABLES)}")
    for table in ("weights", "config"):
        if not isinstance(options.get(table, {}), Mapping):
            raise UsageError(f"in a map, {table} must be a table: [{table}] with its keys below it")
    names: Mapping[str, Any] = options.get("weights", {})
    for key, value in names.items():
        if key not in KEYS:
            raise UsageError(f"[weights] of a map has no key {key!r}; available: {', '.join(KEYS)}")
        is_list_of_names = isinstance(value, list) and value and all(isinstance(each, str) for each in value)
        if not isinstance(value, KEYS[key]) or value is True or not (isinstance(value, str | bool) or is_list_of_names):
            raise UsageError(f"[weights] {key} cannot be {value!r:.60}; write the name of a weight or of its module")
    return names


class Weight(Protocol):
    """A tensor of a file. kind: the format of its numbers, such as float32."""

    shape: tuple[int, ...]
    kind: str

    @property
    def is_float(self) -> bool:
        """Whether its numbers are floats."""

    def numpy(self) -> NDArray[Any]:
        """Its numbers."""


class _FromSafetensors:
    """A tensor that safetensors has read."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor
        self.shape, self.kind = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
        self.is_float = tensor.is_floating_point()

    def numpy(self) -> NDArray[Any]:
        found: NDArray[Any] = (self._tensor.float() if self.is_float else self._tensor).numpy()
        return found


def _read_safetensors(path: Path) -> dict[str, Weight]:
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:  # with torch, because numpy has no bfloat16
            return {name: _FromSafetensors(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118  # no mapping
    except Exception as error:  # safetensors raises several classes for damaged files
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path.name}: not a readable safetensors file: {reason}") from None


def _inside(loaded: Any, names: Mapping[str, Any]) -> dict[str, Weight]:
    """The weights in a loaded file: the file's own dict or module, or the entry of it that contains weights."""
    name = names.get("inside")
    if name is None and (own := _weights_in(loaded)):
        return own
    parts = loaded.items() if isinstance(loaded, Mapping) else enumerate(loaded) if isinstance(loaded, list) else ()
    entries = {str(key): weights for key, value in parts if (weights := _weights_in(value))}
    if name is None and len(entries) == 1:
        return next(iter(entries.values()))
    if name in entries:
        return entries[name]
    if entries:
        choices = " or ".join(map(repr, entries))
        raise UsageError(f"several entries contain weights; choose one in a map, [weights] inside = {choices}")
    raise CheckpointError(
        f"no weights by name found{f' in {name!r}' if name else ''}; save them with torch.save(model.state_dict(), ...)"
    )


def _weights_in(value: Any) -> dict[str, Weight]:
    """The weights of a state_dict or of a whole module."""
    found = weights_of(value) if isinstance(value, Record) else value
    items = found.items() if isinstance(found, Mapping) else ()
    return {
        name: weight
        for name, weight in items
        if isinstance(name, str) and isinstance(weight, StoredTensor | _FromSafetensors)
    }


def _settings(loaded: Any, match: WeightMatch) -> dict[str, Any]:
    """What a whole module says beside its weights: the nonlinearity of nn.RNN."""
    waiting, modes = [loaded], set()
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Record):
            modes.add(each.fields.get("mode"))
            waiting.append(each.fields.get("_modules"))
        elif isinstance(each, dict | list):
            waiting += each.values() if isinstance(each, dict) else each
    return {"nonlinearity": "relu"} if match.architecture == "rnn" and "RNN_RELU" in modes else {}


def _are_equal(tensors: Mapping[str, Weight], one: str, other: str) -> bool:
    """True if two weights of the file are equal: a shared matrix may be stored under both of its names."""
    first, second = tensors[one], tensors[other]
    return first.is_float and second.is_float and np.array_equal(first.numpy(), second.numpy())


def _weights(tensors: Mapping[str, Weight], match: WeightMatch) -> dict[str, NDArray[Any]]:
    """Float32 arrays under the architecture's names. Biases that the file does not have are zeros."""
    weights = {}
    for own_name, name in match.names.items():
        if not (weight := tensors[name]).is_float:
            raise CheckpointError(f"{name} is of type {weight.kind}; weights must be dense floating-point tensors")
        weights[own_name] = np.ascontiguousarray(weight.numpy(), np.float32)
    return weights | {name: np.zeros(shape, np.float32) for name, shape in match.zeros.items()}
