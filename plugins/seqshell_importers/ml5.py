"""The importer `ml5`: models of ml5.js charRNN (https://github.com/ml5js/training-charRNN), trained in TensorFlow.

The user names the folder's manifest.json: an object of variable -> {"filename", "shape"}. Each file beside it has the
float32 numbers of a variable: the embedding [V, E], a kernel [E + H, 4 H] and bias [4 H] for each LSTM cell, whose
gates are input, candidate, forget and output, and softmax_w [H, V] and softmax_b [V]. A single number, the learning
rate, is no part of the model. vocab.json has the characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, Task, tokenizer_of, vocabularies_in
from seqshell_importers.json_files import floats_at, json_of, numbers_of

CELL = re.compile(r".*(?:cell|lstm)_(\d{1,2})/.*?(kernel|weights?|bias(?:es)?)")


def read_ml5(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import the model whose manifest.json this is; None for other files."""
    if not isinstance(manifest := json_of(path), Mapping) or not manifest:
        return None
    if not all(isinstance(entry, Mapping) and {"filename", "shape"} <= entry.keys() for entry in manifest.values()):
        return None
    arrays = {str(name): _array(path, str(name), entry) for name, entry in manifest.items() if entry["shape"] != []}
    cells: dict[int, dict[str, NDArray[Any]]] = {}
    for name, array in arrays.items():
        if match := CELL.fullmatch(name):
            cells.setdefault(int(match[1]), {})["bias" if match[2].startswith("bias") else "kernel"] = array
    embedding, readout, bias = (
        next((array for name, array in arrays.items() if name.endswith(end)), np.zeros(0, np.float32))
        for end in ("embedding", "softmax_w", "softmax_b")
    )
    size = len(bias)
    hidden = len(readout)
    weights = {"readout.weight": readout.T, "readout.bias": bias}
    inputs = embedding.shape[1] if embedding.ndim == 2 else size
    for number, (_, parts) in enumerate(sorted(cells.items())):
        weights |= _layer(path, number, parts, hidden, inputs)
        inputs = hidden
    if not cells or readout.shape != (hidden, size) or (embedding.size and embedding.shape[:1] != (size,)):
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in list(arrays.items())[:8])
        raise CheckpointError(f"{path.name}: {shapes} are not a charRNN; the nearest architecture is lstm")
    if embedding.size:
        weights["embedding.weight"] = embedding
    found = vocabularies_in(json_of(path.with_name("vocab.json")), size)
    return ForeignModel(
        Task.GENERATE,
        "lstm",
        {
            "vocab_size": size,
            "embed_size": embedding.shape[1] if embedding.size else 0,
            "hidden_size": hidden,
            "num_layers": len(cells),
        },
        {name: np.ascontiguousarray(array) for name, array in weights.items()},
        tokenizer=tokenizer_of(found[0]) if len(found) == 1 else None,
        about=f"imported from {path.absolute().parent.name}",
    )


def _layer(
    path: Path, number: int, parts: Mapping[str, NDArray[Any]], hidden: int, inputs: int
) -> dict[str, NDArray[Any]]:
    """A layer in torch's order of gates, with the 1 that TensorFlow adds to the forget gate in its bias."""
    kernel, bias = parts.get("kernel", np.zeros(0)), parts.get("bias", np.zeros(0))
    if kernel.shape != (inputs + hidden, 4 * hidden) or bias.shape != (4 * hidden,):
        raise CheckpointError(
            f"{path.name}: cell {number} has a kernel {list(kernel.shape)} and a bias {list(bias.shape)}, not "
            f"{[inputs + hidden, 4 * hidden]} and {[4 * hidden]}, as the nearest architecture, lstm, needs"
        )
    weight, new_bias = (
        np.concatenate([gates[0], gates[2], gates[1], gates[3]]) for gates in (np.split(kernel.T, 4), np.split(bias, 4))
    )
    new_bias[hidden : 2 * hidden] += 1
    prefix = f"recurrent.{number}."
    return {
        f"{prefix}weight_ih_l0": weight[:, :inputs],
        f"{prefix}weight_hh_l0": weight[:, inputs:],
        f"{prefix}bias_ih_l0": new_bias,
        f"{prefix}bias_hh_l0": np.zeros_like(new_bias),
    }


def _array(path: Path, name: str, entry: Mapping[str, Any]) -> NDArray[Any]:
    """A variable's numbers, from its file in the folder of the manifest."""
    shape, filename = entry["shape"], entry["filename"]
    if not isinstance(filename, str) or Path(filename).name != filename:
        raise CheckpointError(f"{path.name}: {name} needs the name of a file beside it")
    data = numbers_of(path.with_name(filename))
    array = floats_at(data, shape)
    if array is None or array.nbytes != len(data):
        raise CheckpointError(f"{path.name}: {filename} has {len(data):,} bytes, which are no float32 {shape!r:.60}")
    return array
