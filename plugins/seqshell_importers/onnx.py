"""The importer `onnx`: language models and classifiers as ONNX graphs of the plain form.

Tokens, an embedding (Gather) or one-hot vectors, layers of the operators LSTM, GRU or RNN, and a read-out (MatMul and
Add, or Gemm), which of a classifier reads the last state. Operators that only change shapes are passed over; any other
is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, OnnxGraph, OnnxNode, read_onnx, recognise_file
from seqshell_importers.classifiers import classifier
from seqshell_importers.torch_layers import Gates, language_model

SHAPES = (
    *("Cast", "Concat", "Constant", "ConstantOfShape", "Dropout", "Expand", "Flatten", "Identity", "LogSoftmax"),
    *("OneHot", "Range", "Reshape", "Shape", "Slice", "Softmax", "Split", "Squeeze", "Transpose", "Unsqueeze"),
)
PASSED = (
    "Cast",
    "Dropout",
    "Flatten",
    "Gather",
    "Identity",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)  # on a state
CELLS = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
GATES = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}  # torch's gates in ONNX's order: i o f c, and z r h
USUAL = {"LSTM": ["sigmoid", "tanh", "tanh"], "GRU": ["sigmoid", "tanh"]}
REFUSED = {"clip": None, "input_forget": 0, "activation_alpha": None, "activation_beta": None}


def read_onnx_model(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a .onnx file; None for other files."""
    if recognise_file(path).kind != "onnx":
        return None
    graph = read_onnx(path)
    try:
        return _model(graph, path, options)
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{path.name}: its weights do not fit its layers: {str(error)[:100]}") from None


def _model(graph: OnnxGraph, path: Path, options: Mapping[str, Any]) -> ForeignModel:
    recurrent = [node for node in graph.nodes if node.op in CELLS]
    if len({node.op for node in recurrent}) != 1:
        found = " and ".join(sorted({node.op for node in recurrent})) or "none"
        raise CheckpointError(f"it needs layers of one of the operators LSTM, GRU and RNN; it has {found}")
    vectors, matrices, biases, read = [], [], [], ""
    for node in graph.nodes:
        constants = [graph.arrays[name] for name in node.inputs if name in graph.arrays]
        weights = [array for array in constants if array.dtype.kind == "f" and array.ndim]
        if node.op in ("MatMul", "Gemm") and weights:
            is_transposed = node.op == "Gemm" and bool(node.attributes.get("transB"))
            matrices.append(weights[0] if is_transposed else weights[0].T)  # [V, H]
            biases += weights[1:]
            read = next((name for name in node.inputs if name not in graph.arrays), "")
        elif node.op == "Gather" and weights:
            vectors += weights
        elif node.op == "Add" and weights and len(biases) < len(matrices):
            biases += weights
        elif node.op not in (*SHAPES, *CELLS, "Gather") and not _is_number(node, graph):
            raise CheckpointError(f"it has the operator {node.op[:60]}, which a plain recurrent language model has not")
    if len(vectors) > 1 or len(matrices) != 1 or len(biases) > 1:
        raise CheckpointError(
            f"it has {len(vectors)} embeddings, {len(matrices)} matrices and {len(biases)} biases beside its layers; "
            "a plain recurrent language model has an embedding, or none, and one read-out"
        )
    layers = [_gates(node, graph) for node in recurrent]
    bias = biases[0] if biases else np.zeros(len(matrices[0]), np.float32)
    inputs = len(vectors[0]) if vectors else layers[0].inputs.shape[1]
    cell, embedding = CELLS[recurrent[0].op], vectors[0] if vectors else None
    if inputs == len(matrices[0]):
        about = f"imported from {path.name}"
        return language_model(cell, embedding, layers, matrices[0], bias.reshape(-1), about)
    if not _is_last_state(read, recurrent[-1], graph):
        raise CheckpointError(
            f"it reads {inputs} tokens and gives {len(matrices[0])} numbers, so it is no language model; as a "
            "classifier, its read-out must read the last state"
        )
    return classifier(cell, embedding, layers, matrices[0], bias.reshape(-1), path, options)


def _is_last_state(name: str, layer: OnnxNode, graph: OnnxGraph) -> bool:
    """Whether a value is the last hidden state of a layer: its output Y_h, or the last step of Y."""
    makers = {output: node for node in graph.nodes for output in node.outputs}
    is_last = False
    while (node := makers.get(name)) is not None and node.op in PASSED:
        index = graph.arrays.get(node.inputs[1]) if node.op == "Gather" else None
        is_last |= index is not None and index.tolist() in (-1, [-1])
        name = node.inputs[0]
    return name in layer.outputs[1:2] or (is_last and name in layer.outputs[:1])


def _is_number(node: OnnxNode, graph: OnnxGraph) -> bool:
    """Whether a node computes sizes: it reads integers of the graph."""
    constants = [graph.arrays[name] for name in node.inputs if name in graph.arrays]
    return bool(constants) and all(array.dtype.kind == "i" for array in constants)


def _gates(node: OnnxNode, graph: OnnxGraph) -> Gates:
    """A layer in torch's order."""
    settings, op = node.attributes, node.op
    activations = [str(each).lower() for each in settings.get("activations") or USUAL.get(op, ["tanh"])]
    is_usual = activations == USUAL.get(op) or (op == "RNN" and activations[0] in ("tanh", "relu", "sigmoid"))
    if not is_usual or any(settings.get(key, value) != value for key, value in REFUSED.items()):
        raise CheckpointError(f"a layer {op} has activations or limits that fit no architecture")
    if settings.get("direction", "forward") != "forward" or any(node.inputs[7:]):
        raise CheckpointError(f"a layer {op} reads backwards or has peepholes, which fits no language model")
    inputs, hidden = (_first(node, graph, index) for index in (1, 2))
    rows, size = hidden.shape
    biases = _first(node, graph, 3) if any(node.inputs[3:4]) else np.zeros(2 * rows, np.float32)
    parts = [inputs, hidden, *np.split(biases, 2)]
    first, second, third, fourth = (
        np.concatenate([each.reshape(-1, size, *each.shape[1:])[gate] for gate in GATES[op]]) for each in parts
    )
    after = op != "GRU" or settings.get("linear_before_reset")
    form = activations[0] if op == "RNN" else ""
    return Gates(first, second, third, fourth, reset="after" if after else "before", nonlinearity=form)


def _first(node: OnnxNode, graph: OnnxGraph, index: int) -> NDArray[Any]:
    """A weight of a layer, without its axis of directions."""
    found = graph.arrays.get(node.inputs[index])
    if found is None:
        raise CheckpointError(f"the weights of a layer {node.op} are computed; save the graph with folded constants")
    array: NDArray[Any] = found[0]
    return array
