"""The importer `keras`: language models and classifiers of SimpleRNN, LSTM or GRU layers, from Keras 1 to 3.

A language model is an Embedding, or one-hot inputs, recurrent layers, and a Dense for the next token; a classifier has
a Dense of another size, and may have Bidirectional layers and pooling over time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from seqshell import CheckpointError, ForeignModel, recognise_file
from seqshell_importers.classifiers import classifier
from seqshell_importers.keras_files import RECURRENT, KerasLayer, read_keras
from seqshell_importers.keras_gates import keras_gates
from seqshell_importers.torch_layers import Gates, language_model

IGNORED = ("InputLayer", "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "Activation", "Softmax")
POOLINGS = {"GlobalMaxPooling1D": "max", "GlobalAveragePooling1D": "mean"}
CELLS = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru", "CuDNNLSTM": "lstm", "CuDNNGRU": "gru"}
READS = "an Embedding, SimpleRNN, LSTM or GRU layers, pooling over time, and one Dense"


def read_keras_model(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a .h5 or .keras file; None for other files."""
    if recognise_file(path).kind != "keras":
        return None
    layers = read_keras(path)
    try:
        return _model(_chain(layers), path, options)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise CheckpointError(f"{path.name}: its weights do not fit its layers: {str(error)[:100]}") from None


def _chain(layers: Sequence[KerasLayer]) -> list[KerasLayer]:
    """The layers with weights or pooling, each of which reads the one before."""
    for before, layer in pairwise(layers):
        if layer.inputs and layer.inputs != {before.name}:
            raise CheckpointError(f"the layer {layer.name} ({layer.kind}) reads others than {before.name}; {_reads()}")
    kept = [layer for layer in layers if layer.kind not in IGNORED]
    for layer in kept:
        kind = layer.kind.removeprefix("Bidirectional(").removesuffix(")")
        if kind not in (*CELLS, *POOLINGS, "Embedding", "Dense"):
            raise CheckpointError(f"it has a layer {kind[:60]}; {_reads()}")
    return kept


def _model(layers: list[KerasLayer], path: Path, options: Mapping[str, Any]) -> ForeignModel:
    embedding = layers.pop(0).weights["embeddings"] if layers[0].kind == "Embedding" else None
    dense = layers.pop()
    poolings = [POOLINGS[layers.pop().kind]] if layers and layers[-1].kind in POOLINGS else []
    kinds = {layer.kind.removeprefix("Bidirectional(").removesuffix(")") for layer in layers}
    if dense.kind != "Dense" or len(kinds) != 1 or not kinds <= CELLS.keys():
        raise CheckpointError(f"its layers are in another order; {_reads()}")
    is_bidirectional = {layer.kind.startswith("Bidirectional") for layer in layers}
    cell = CELLS[kinds.pop()]
    stack = [_gates(layer, cell, part) for layer in layers for part in _directions(layer)]
    readout, bias = dense.weights["kernel"].T, dense.weights.get("bias", np.zeros(dense.weights["kernel"].shape[1]))
    vocab_size = stack[0].inputs.shape[1] if embedding is None else len(embedding)
    if len(readout) == vocab_size and not poolings and is_bidirectional == {False}:
        return language_model(cell, embedding, stack, readout, bias, f"imported from {path.name}")
    if len(is_bidirectional) > 1:
        raise CheckpointError("a classifier with layers in one direction and in both fits no architecture")
    if dense.config.get("activation") == "sigmoid" and len(readout) > 1:
        raise CheckpointError("it gives several labels at once; seqshell's classifiers give one")
    both, pooling = is_bidirectional == {True}, (poolings or ["last"])[0]
    return classifier(cell, embedding, stack, readout, bias, path, options, both=both, pooling=pooling)


def _directions(layer: KerasLayer) -> tuple[str, ...]:
    if not layer.kind.startswith("Bidirectional"):
        return ("",)
    if layer.config.get("merge_mode") != "concat":
        raise CheckpointError(f"the layer {layer.name} joins its directions otherwise than by concatenation")
    return "forward/", "backward/"


def _gates(layer: KerasLayer, cell: str, direction: str) -> Gates:
    """One direction of a layer."""
    config, weights = layer.config, layer.weights
    for key, value in {"activation": "tanh", "recurrent_activation": "sigmoid", "go_backwards": False}.items():
        if (found := config.get(key, value)) != value and (cell, key, found) != ("rnn", "activation", "relu"):
            raise CheckpointError(f"the layer {layer.name} has {key} = {str(found)[:40]}, which fits no architecture")
    resets_before = cell == "gru" and not config.get("reset_after", layer.kind == "CuDNNGRU")
    parts = {part: weights[f"{direction}{part}"] for part in RECURRENT if f"{direction}{part}" in weights}
    form = "relu" if config.get("activation") == "relu" else ""
    return keras_gates(cell, parts, reset="before" if resets_before else "after", nonlinearity=form)


def _reads() -> str:
    return f"this importer reads {READS}"
