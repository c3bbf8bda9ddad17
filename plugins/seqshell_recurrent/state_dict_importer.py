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
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqshell import CheckpointError, ForeignFile, ForeignModel, SeqshellError, Task, UsageError, recognise_file
from seqshell_recurrent.pickled_values import own_tokenizer, plain_types
from seqshell_recurrent.weight_matching import WeightMatch, match_weights

PICKLED = (".pt", ".pth", ".ckpt", ".bin")  # names that promise a file of torch
READABLE = ("checkpoint", "safetensors", "torch", "mixed")  # kinds of seqshell.ForeignFile
KEYS: Mapping[str, tuple[type, ...]] = {  # of the table [weights]
    "recurrent": (str, list),
    "embedding": (str, bool),
    "readout": (str,),
    "ignore": (list,),
    "inside": (str,),
}
TABLES = ("weights", "config", "tokenizer", "defaults", "importer", "about")


def read_state_dict(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a file of safetensors or, only if options["allow_pt"] is true, one of torch, whatever its name is.

    Returns None for other files. Raises UsageError for an invalid map and CheckpointError for an unreadable file.
    """
    found = recognise_file(path)
    if found.kind not in READABLE:
        if path.suffix == ".safetensors" or path.suffix in PICKLED or found.kind != "other":
            raise found.error(path)
        return None
    names = _weights_table(options)
    is_pickle = found.kind in ("torch", "mixed")
    if is_pickle and not options.get("allow_pt"):
        raise UsageError(
            f"{path.name} is a pickle and may contain more than weights; "
            "--allow-pt reads its weights only (torch's weights_only)"
        )
    if found.kind == "checkpoint":
        raise UsageError(f"{path.name} is already a seqshell checkpoint; open it with seqshell -m {path}")
    loaded = _read_pickle(path, found) if is_pickle else _read_safetensors(path)
    try:
        tensors = _inside(loaded, names) if is_pickle else loaded
        shapes = {name: tuple(value.shape) for name, value in tensors.items()}
        match = match_weights(shapes, names, partial(_are_equal, tensors))
        return ForeignModel(
            Task.GENERATE,
            match.architecture,
            {**match.config, **options.get("config", {})},
            _weights(tensors, match, path),
            tokenizer=own_tokenizer(loaded, match.config["vocab_size"]),
            about=f"imported from {path.name}",
        )
    except SeqshellError as error:
        raise type(error)(f"{path.name}: {error.message}") from None


def _weights_table(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table [weights] of a map. Raises UsageError if the map is invalid."""
    for key in options:
        if key not in (*TABLES, "allow_pt"):
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


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except Exception as error:  # safetensors raises several classes for damaged files
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path.name}: not a readable safetensors file: {reason}") from None


def _read_pickle(path: Path, found: ForeignFile) -> Any:
    """The file as torch's weights_only unpickler reads it: tensors and plain data, and no other objects."""
    from pickle import UnpicklingError

    try:
        with torch.serialization.safe_globals(plain_types()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if found.kind == "mixed":
            raise found.error(path) from None
        raise CheckpointError(
            f"{path.name}: torch's weights_only does not read the file ({_first_line(error)}); "
            "save only the weights, with torch.save(model.state_dict(), ...)"
        ) from None
    except Exception as error:  # whatever torch raises, its words are about the inside of the file
        raise CheckpointError(
            f"{path.name} is truncated or damaged: torch cannot read it", hint="copy or download it again"
        ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "").strip()[:200]


def _inside(loaded: Any, names: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights in a loaded file: the file's own dict, or the entry of it that contains tensors."""
    name = names.get("inside")
    if isinstance(loaded, Mapping):
        entries = {str(key): _tensors(value) for key, value in loaded.items() if _tensors(value)}
        if name is None and _tensors(loaded):
            return _tensors(loaded)
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


def _tensors(value: Any) -> dict[str, Tensor]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {name: tensor for name, tensor in items if isinstance(name, str) and isinstance(tensor, Tensor)}


def _are_equal(tensors: Mapping[str, Tensor], one: str, other: str) -> bool:
    """True if two weights of the file are equal: a shared matrix may be stored under both of its names."""
    return _is_plain(tensors[one]) and _is_plain(tensors[other]) and torch.equal(tensors[one], tensors[other])


def _is_plain(value: Tensor) -> bool:
    return value.is_floating_point() and value.layout == torch.strided and not value.is_meta


def _weights(tensors: Mapping[str, Tensor], match: WeightMatch, path: Path) -> dict[str, NDArray[Any]]:
    """Float32 arrays under the architecture's names. Biases that the file does not have are zeros."""
    weights = {}
    for own_name, name in match.names.items():
        value = tensors[name]
        if not _is_plain(value):
            dtype = str(value.dtype).removeprefix("torch.")
            raise CheckpointError(f"{name} is of type {dtype}; weights must be dense floating-point tensors")
        if value.numel() > path.stat().st_size:  # in a pickle, a small tensor can be expanded to any shape
            raise CheckpointError(f"{name} claims to have {value.numel():,} numbers, more than the file contains")
        weights[own_name] = value.detach().float().contiguous().numpy()
    return weights | {name: np.zeros(shape, np.float32) for name, shape in match.zeros.items()}
