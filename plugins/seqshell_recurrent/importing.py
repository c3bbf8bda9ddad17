"""The importer `state_dict`: weights of nn.RNN, nn.LSTM or nn.GRU with a Linear, and an Embedding or one-hot tokens, as torch saves them.

Reads the file; which weight is which is found in `recognising`. Tables of MAP.toml:

    [weights]                     # names in the file; each may be left out where the shapes leave no doubt
    recurrent = "rnn"             # or several, from the bottom up: ["rnn1", "rnn2"]
    embedding = "encoder"         # false: tokens are one-hot
    readout = "decoder"           # the embedding's name where they share their matrix
    ignore = ["criterion"]        # what no part of the model needs
    inside = "model_state"        # of a .pt: the entry that holds the weights

    [config]                      # settings of the architecture that no weight shows
    nonlinearity = "relu"         # of nn.RNN; without it tanh, which is nn.RNN's own
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

from seqshell import CheckpointError, ForeignModel, SeqshellError, Task, UsageError
from seqshell_recurrent.recognising import Found, recognise

PICKLED = (".pt", ".pth", ".ckpt", ".bin")
KEYS: Mapping[str, tuple[type, ...]] = {  # of the table [weights]
    "recurrent": (str, list),
    "embedding": (str, bool),
    "readout": (str,),
    "ignore": (list,),
    "inside": (str,),
}
TABLES = ("weights", "config", "tokenizer", "defaults", "importer", "about")


def read_state_dict(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """An importer, see `seqshell.core.hookspecs`. A .pt, .pth, .ckpt or .bin is read only when options["allow_pt"] is true."""
    if path.suffix != ".safetensors" and path.suffix not in PICKLED:
        return None
    names = _checked(options)
    if path.suffix in PICKLED and not options.get("allow_pt"):
        raise UsageError(
            f"{path.name} may hold more than weights: --allow-pt reads the weights in it, and only them (torch's weights_only)"
        )
    try:
        tensors = _inside(_pickled(path), names) if path.suffix in PICKLED else _safetensors(path)
        found = recognise({name: tuple(value.shape) for name, value in tensors.items()}, names, partial(_same, tensors))
        return ForeignModel(
            Task.GENERATE,
            found.architecture,
            {**found.config, **options.get("config", {})},
            _weights(tensors, found, path),
            tokenizer=None,
            about=f"imported from {path.name}",
        )
    except SeqshellError as error:
        raise type(error)(f"{path.name}: {error.message}") from None


def _checked(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table [weights]. UsageError for what a map may not say."""
    for key in options:
        if key not in (*TABLES, "allow_pt"):
            raise UsageError(f"the importer state_dict knows no {key!r} in a map; there is {', '.join(TABLES)}")
    for table in ("weights", "config"):
        if not isinstance(options.get(table, {}), Mapping):
            raise UsageError(f"in a map, {table} is a table: [{table}] with its keys below it")
    names: Mapping[str, Any] = options.get("weights", {})
    for key, value in names.items():
        if key not in KEYS:
            raise UsageError(f"[weights] of a map has no {key!r}; there is {', '.join(KEYS)}")
        is_list_of_names = isinstance(value, list) and value and all(isinstance(each, str) for each in value)
        if not isinstance(value, KEYS[key]) or value is True or not (isinstance(value, str | bool) or is_list_of_names):
            raise UsageError(f"[weights] {key} cannot be {value!r:.60}: it names a weight, or the module that holds it")
    return names


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            if "seqshell" in (file.metadata() or {}):
                raise UsageError(f"it is a checkpoint of seqshell already; seqshell -m {path} opens it")
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except SeqshellError:
        raise
    except Exception as error:  # each fault of the file is one of several classes, and none is ours
        raise CheckpointError(f"it cannot be read as safetensors: {' '.join(str(error).split())[:200]}") from None


def _pickled(path: Path) -> Any:
    """What torch's weights_only unpickler makes of a file: tensors in dicts and lists, and no other object."""
    from pickle import UnpicklingError

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise CheckpointError(
            "it is damaged, or holds more than weights, which is not read; torch.save(model.state_dict(), ...) saves weights alone"
        ) from None
    except Exception as error:
        raise CheckpointError(
            f"torch cannot read it: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from None


def _inside(loaded: Any, names: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights in what was loaded: itself, or the entry of it that holds tensors."""
    wanted = names.get("inside")
    if isinstance(loaded, Mapping):
        within = {str(key): _tensors(value) for key, value in loaded.items() if _tensors(value)}
        if wanted is None and _tensors(loaded):
            return _tensors(loaded)
        if wanted is None and len(within) == 1:
            return next(iter(within.values()))
        if wanted in within:
            return within[wanted]
        if within:
            raise UsageError(f"which entry holds the weights? [weights] inside = {' or '.join(map(repr, within))}")
    raise CheckpointError(
        f"it holds no weights by name{f' in {wanted!r}' if wanted else ''}; torch.save(model.state_dict(), ...) saves them"
    )


def _tensors(value: Any) -> dict[str, Tensor]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {name: tensor for name, tensor in items if isinstance(name, str) and isinstance(tensor, Tensor)}


def _same(tensors: Mapping[str, Tensor], one: str, other: str) -> bool:
    """Whether two weights of the file are one: a matrix that is shared may be stored under both of its names."""
    return _is_plain(tensors[one]) and _is_plain(tensors[other]) and torch.equal(tensors[one], tensors[other])


def _is_plain(value: Tensor) -> bool:
    return value.is_floating_point() and value.layout == torch.strided and not value.is_meta


def _weights(tensors: Mapping[str, Tensor], found: Found, path: Path) -> dict[str, NDArray[Any]]:
    """Float32 arrays under our names. Biases that the file does not hold are zeros."""
    weights = {}
    for ours, theirs in found.names.items():
        value = tensors[theirs]
        if not _is_plain(value):
            raise CheckpointError(
                f"{theirs} holds {str(value.dtype).removeprefix('torch.')}, and a weight is a dense floating-point number"
            )
        if value.numel() > path.stat().st_size:  # a pickle may claim a shape that it holds no numbers for
            raise CheckpointError(f"{theirs} is said to have {value.numel():,} numbers, more than the file holds")
        weights[ours] = value.detach().float().contiguous().numpy()
    return weights | {ours: np.zeros(shape, np.float32) for ours, shape in found.zeros.items()}
