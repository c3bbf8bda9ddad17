"""The importer `state_dict`: language models of nn.RNN, nn.LSTM or nn.GRU layers, as torch saves them.

The model has an nn.Embedding or one-hot tokens, recurrent layers and an nn.Linear. That includes pytorch/examples
word_language_model and its descendants, char-rnn.pytorch and its variants, AWD-LSTM and fastai. This module reads the
file; `weight_sets` finds the weights in it, and `weight_matching` which weight is which. Tables of MAP.toml:

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

import string
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import (
    CharTokenizer,
    CheckpointError,
    ForeignModel,
    SeqshellError,
    Task,
    UsageError,
    read_torch,
    recognise_file,
)
from seqshell_importers.own_tokens import own_tokenizer
from seqshell_importers.weight_matching import WeightMatch, match_weights
from seqshell_importers.weight_sets import Weight, are_equal, chosen_weights, read_safetensors, records_in

PICKLED = (".pt", ".pth", ".ckpt", ".bin")  # names that promise a file of torch
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
    if not found.is_torch and found.kind not in ("checkpoint", "safetensors"):
        if path.suffix == ".safetensors" or path.suffix in PICKLED or found.kind not in ("other", "arrays"):
            raise found.error(path)
        return None
    names = _weights_table(options)
    if found.kind == "checkpoint":
        raise UsageError(f"{path.name} is already a seqshell checkpoint; open it with seqshell -m {path}")
    loaded = read_torch(path) if found.is_torch else read_safetensors(path)
    try:
        model = language_model(loaded, chosen_weights(loaded, names.get("inside")), names, options)
    except SeqshellError as error:
        raise type(error)(f"{path.name}: {error.message}") from None
    return replace(model, about=f"imported from {path.name}")


def language_model(
    loaded: Any, tensors: Mapping[str, Weight], names: Mapping[str, Any], options: Mapping[str, Any]
) -> ForeignModel:
    """The language model of these weights. loaded: the whole file; names, options: of a map."""
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    match = match_weights(shapes, names, partial(are_equal, tensors))
    size = match.config["vocab_size"]
    tokenizer = None if options.get("vocabulary") else own_tokenizer(loaded, size)
    if tokenizer is None and size == len(string.printable):
        tokenizer = CharTokenizer(
            string.printable
        )  # as in char-rnn.pytorch and its descendants, which save no characters
    return ForeignModel(
        Task.GENERATE,
        match.architecture,
        {**match.config, **_settings(loaded, match), **options.get("config", {})},
        _weights(tensors, match),
        tokenizer=tokenizer,
    )


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


def _settings(loaded: Any, match: WeightMatch) -> dict[str, Any]:
    """What a whole module says beside its weights: the nonlinearity of nn.RNN.

    Raises CheckpointError for an adaptive softmax, whose parts are in no weights of their own.
    """
    modes: set[Any] = set()
    for record in records_in(loaded):
        modes.add(record.fields.get("mode"))
        parts = record.fields.get("nsplits")
        if isinstance(parts, int) and parts > 1:
            raise CheckpointError(
                f"{record.cls} divides the vocabulary into {parts} parts: the read-out is an adaptive softmax, which "
                f"the nearest architecture, {match.architecture}, does not have"
            )
    return {"nonlinearity": "relu"} if match.architecture == "rnn" and "RNN_RELU" in modes else {}


def _weights(tensors: Mapping[str, Weight], match: WeightMatch) -> dict[str, NDArray[Any]]:
    """Float32 arrays under the architecture's names, with zeros for biases and units that the file does not have."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in match.shapes.items() if name not in match.names}
    for own_name, name in match.names.items():
        if not (weight := tensors[name]).is_float:
            raise CheckpointError(f"{name} is of type {weight.kind}; weights must be dense floating-point tensors")
        values, shape = np.ascontiguousarray(weight.numpy(), np.float32), match.shapes[own_name]
        weights[own_name] = values if values.shape == shape else _padded(values, shape, match)
    return weights


def _padded(values: NDArray[Any], shape: tuple[int, ...], match: WeightMatch) -> NDArray[Any]:
    """The weight of a smaller recurrent layer, each gate padded with units and inputs of zeros, which stay zero."""
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[match.architecture]
    padded = np.zeros((gates, shape[0] // gates, *shape[1:]), np.float32)
    inner = (slice(None), slice(len(values) // gates), *(slice(size) for size in values.shape[1:]))
    padded[inner] = values.reshape(gates, -1, *values.shape[1:])
    return padded.reshape(shape)
