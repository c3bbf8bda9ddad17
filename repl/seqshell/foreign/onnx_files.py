"""ONNX graphs: their nodes and arrays (https://onnx.ai/onnx/repo-docs/IR.html). The package onnx is not needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.core.named_files import read_bytes
from seqshell.foreign.protobuf import read_integers, read_message

NUMBERS = {1: "<f4", 6: "<i4", 7: "<i8", 9: "|b1", 10: "<f2", 11: "<f8"}  # numpy's formats by ONNX's numbers
MAX_DIMENSIONS = 32
EXTERNAL = 1  # a tensor whose numbers are in another file
Message = Mapping[int, list[Any]]


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """An operator with the names of its inputs and outputs. attributes: numbers, texts, arrays, and lists of them."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """nodes: in the order of their computation. arrays: the graph's own by name, those of Constant nodes too."""

    nodes: tuple[OnnxNode, ...]
    arrays: Mapping[str, NDArray[Any]]


def read_onnx(path: Path) -> OnnxGraph:
    """The graph of a file. Raises CheckpointError if it cannot be read, or if its numbers are in other files."""
    try:
        model = read_message(memoryview(read_bytes(path, error=CheckpointError)))
        graph = read_message(_only(model, 7))
        arrays = {}
        for each in graph.get(5, ()):
            tensor = read_message(each)
            arrays[_text(tensor.get(8, [b""])[0])] = _array(tensor)
        nodes = [_node(read_message(each)) for each in graph.get(1, ())]
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise CheckpointError(
            f"{path.name} is not read: it is no ONNX graph, or damaged ({str(error)[:100]})"
        ) from None
    for node in nodes:
        if node.op == "Constant" and isinstance(node.attributes.get("value"), np.ndarray):
            arrays[node.outputs[0]] = node.attributes["value"]
    return OnnxGraph(tuple(nodes), arrays)


def _node(node: Message) -> OnnxNode:
    inputs, outputs = (tuple(map(_text, node.get(number, ()))) for number in (1, 2))
    attributes = dict(_attribute(read_message(each)) for each in node.get(5, ()))
    return OnnxNode(_text(_only(node, 4)), inputs, outputs, attributes)


def _attribute(attribute: Message) -> tuple[str, Any]:
    name = _text(_only(attribute, 1))
    value: Any = None
    if 2 in attribute:
        value = float(np.frombuffer(attribute[2][0], "<f4")[0])
    elif 3 in attribute:
        value = read_integers(attribute[3])[0]
    elif 4 in attribute:
        value = _text(attribute[4][0])
    elif 5 in attribute:
        value = _array(read_message(attribute[5][0]))
    elif 7 in attribute:
        value = np.frombuffer(b"".join(attribute[7]), "<f4").tolist()
    elif 8 in attribute:
        value = read_integers(attribute[8])
    elif 9 in attribute:
        value = list(map(_text, attribute[9]))
    return name, value


def _array(tensor: Message) -> NDArray[Any]:
    """The numbers of a tensor; one of another kind, such as texts, is empty."""
    shape, kind = read_integers(tensor.get(1, ())), NUMBERS.get(tensor.get(2, [0])[0])
    if kind is None:
        return np.zeros(0)
    if EXTERNAL in tensor.get(14, ()):
        raise ValueError("its numbers are in another file; save it as one file")
    if len(shape) > MAX_DIMENSIONS or any(size < 0 for size in shape):
        raise ValueError("a tensor of another shape")
    if 9 in tensor:
        found: NDArray[Any] = np.frombuffer(tensor[9][0], kind)
    elif 4 in tensor or 10 in tensor:
        found = np.frombuffer(b"".join(tensor.get(4, tensor.get(10, ()))), kind)
    else:
        found = np.array(read_integers(tensor.get(7, tensor.get(5, ()))), kind)
    if found.size != math.prod(shape):
        raise ValueError(f"a tensor {shape} with {found.size:,} numbers")
    return found.reshape(shape)


def _only(message: Message, number: int) -> Any:
    (value,) = message[number]
    return value


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8")
