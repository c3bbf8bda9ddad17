"""The importer `names_tutorial`: PyTorch's tutorial on classifying names, and models like it.

https://docs.pytorch.org/tutorials/intermediate/char_rnn_classification_tutorial.html: a state_dict for one-hot letters
x, in three forms that it has had. In each, the logits after the last letter count.

    h' = i2h [x, h]            logits = i2o [x, h]         also with h2o or i2o of another name of the same shape
    h' = tanh(i2h x + h2h h)   logits = h2o h'
    h' = rnn(x, h), nn.RNN     logits = h2o h'

With as many outputs as inputs, the first two are language models, which the architecture elman is.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, Record, SeqshellError, Task, read_torch, recognise_file
from seqshell_importers.class_tokens import labels_of, with_specials
from seqshell_importers.weight_sets import chosen_weights, read_safetensors

PARTS = ("weight", "bias")
COMBINED = {f"{name}.{part}" for name in ("i2h", "i2o") for part in PARTS}
SEPARATE = {f"{name}.{part}" for name in ("i2h", "h2h", "h2o") for part in PARTS}
LAYER = {f"rnn.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
LETTERS = string.ascii_letters + " .,;'"  # of the tutorial; today's version has one more, for all others
ALPHABETS = {len(LETTERS): LETTERS, len(LETTERS) + 1: f"{LETTERS}_"}
Weights = dict[str, NDArray[Any]]


def read_names_tutorial(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a model of these forms; None for other files."""
    file = recognise_file(path)
    if not file.is_torch and file.kind != "safetensors":
        return None
    try:
        loaded = read_torch(path) if file.is_torch else read_safetensors(path)
        found = chosen_weights(loaded)
    except SeqshellError:  # the importer state_dict says what is wrong
        return None
    if found.keys() not in (COMBINED, SEPARATE, LAYER | {"h2o.weight", "h2o.bias"}):
        return None
    if found.keys() == COMBINED and (form := _activation(loaded)):
        raise CheckpointError(
            f"{path.name}: its module has a {form}, and i2o reads the state before it; the nearest architecture, "
            "classifier, has no such read-out"
        )
    weights = {name: np.array(each.numpy(), np.float32) for name, each in found.items()}
    try:
        layer, readout, bias = _layer(weights)
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{path.name}: its weights do not fit each other: {str(error)[:100]}") from None
    size = layer["weight_ih_l0"].shape[1]
    if len(readout) == size:
        return _language_model(weights, options, path) if found.keys() in (COMBINED, SEPARATE) else None
    tokens = options.get("vocabulary") or tuple(ALPHABETS.get(size, ""))
    tokenizer, vectors = with_specials(tokens, np.eye(size, dtype=np.float32), path.name)
    config = {"vocab_size": len(vectors), "num_classes": len(readout), "cell": "rnn", "embed_size": size}
    config |= {"hidden_size": readout.shape[1], "num_layers": 1, "pooling": "last", "max_length": 0}
    config |= {"nonlinearity": "none" if found.keys() == COMBINED else "tanh", **options.get("config", {})}
    own = {f"recurrent.0.{name}": np.ascontiguousarray(array) for name, array in layer.items()}
    return ForeignModel(
        Task.CLASSIFY,
        "classifier",
        config,
        {"embedding.weight": vectors, **own, "readout.weight": readout, "readout.bias": bias},
        tokenizer,
        about=f"imported from {path.name}",
        labels=labels_of(options, len(readout)),
    )


def _activation(loaded: Any) -> str:
    """The nonlinearity among the parts of a whole module; "" without one, and for files of weights."""
    parts = loaded.fields.get("_modules") if isinstance(loaded, Record) else None
    names = [part.cls.name for part in parts.values() if isinstance(part, Record)] if isinstance(parts, Mapping) else []
    return next((name for name in names if name in ("Tanh", "ReLU", "Sigmoid")), "")


def _language_model(weights: Weights, options: Mapping[str, Any], path: Path) -> ForeignModel:
    form, nonlinearity = ("h2o", "tanh") if "h2o.weight" in weights else ("i2o", "none")
    config: dict[str, Any] = {
        "vocab_size": len(weights[f"{form}.weight"]),
        "embed_size": 0,
        "hidden_size": len(weights["i2h.weight"]),
    }
    config |= {"form": form, "nonlinearity": nonlinearity, **options.get("config", {})}
    return ForeignModel(Task.GENERATE, "elman", config, weights, None, about=f"imported from {path.name}")


def _layer(weights: Weights) -> tuple[Weights, NDArray[Any], NDArray[Any]]:
    """A layer by torch's names, and the read-out."""
    if weights.keys() >= LAYER:
        layer = {name.removeprefix("rnn."): weights[name] for name in LAYER}
        return layer, weights["h2o.weight"], weights["h2o.bias"]
    inputs, bias = weights["i2h.weight"], weights["i2h.bias"]
    if "h2h.weight" in weights:
        layer = {"weight_ih_l0": inputs, "weight_hh_l0": weights["h2h.weight"]}
        layer |= {"bias_ih_l0": bias, "bias_hh_l0": weights["h2h.bias"]}
        return layer, weights["h2o.weight"], weights["h2o.bias"]
    # Nothing here is nonlinear, so the logits can be further units of the layer, which no unit reads.
    both = np.concatenate([inputs, weights["i2o.weight"]])  # [H + C, V + H]
    units, (rows, columns) = len(inputs), both.shape
    hidden = np.concatenate([both[:, columns - units :], np.zeros((rows, rows - units), np.float32)], 1)
    layer = {"weight_ih_l0": both[:, : columns - units], "weight_hh_l0": hidden}
    layer |= {"bias_ih_l0": np.concatenate([bias, weights["i2o.bias"]]), "bias_hh_l0": np.zeros(rows, np.float32)}
    last = np.eye(rows, dtype=np.float32)[units:]
    return layer, last, np.zeros(rows - units, np.float32)
