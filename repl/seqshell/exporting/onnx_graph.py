"""Write an ONNX graph, node by node (https://onnx.ai/onnx/repo-docs/IR.html). The package onnx is not needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqshell.core.errors import UsageError
from seqshell.core.version import __version__
from seqshell.foreign.protobuf import message

IR_VERSION, OPSET, ML_OPSET = 8, 18, 3
ML, ML_OPERATORS = "ai.onnx.ml", ("LabelEncoder",)  # the other set of operators
NUMBERS = {"float32": 1, "int64": 7, "bool": 9}  # the formats of tensors
MAX_BYTES = 2**31 - 1  # of a message of protocol buffers
Size = int | str  # a str names a size that the caller chooses, such as "batch"


class Graph:
    """A graph under construction. A value is known by its name, a str."""

    def __init__(self, name: str, about: str) -> None:
        self._name, self._about = name, about
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._size = 0
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def input(self, name: str, kind: str, *sizes: Size) -> str:
        """An input that the caller gives. kind: a key of NUMBERS."""
        self._inputs.append(_described(name, kind, sizes))
        return name

    def output(self, value: str, name: str, kind: str, *sizes: Size) -> None:
        """Return a value to the caller under a name."""
        self._nodes.append(_node("Identity", (value,), (name,), {}))
        self._outputs.append(_described(name, kind, sizes))

    def constant(self, values: ArrayLike, kind: str = "float32") -> str:
        """An array of the graph."""
        array: NDArray[Any] = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
        shape = np.shape(values)
        known = (kind, shape, array.tobytes())
        if known not in self._known:
            name = self._known[known] = f"constant_{len(self._constants)}"
            dims = [(1, size) for size in shape]
            self._constants.append(message([*dims, (2, NUMBERS[kind]), (8, name), (9, known[2])]))
            self._size += len(known[2])
        return self._known[known]

    def integers(self, *values: int) -> str:
        """A list of integers, such as axes or sizes."""
        return self.constant(values, "int64")

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """The value that an operator of ONNX gives."""
        return self.add_many(op, 1, *inputs, **attributes)[0]

    def add_many(self, op: str, num_outputs: int, *inputs: str, **attributes: Any) -> tuple[str, ...]:
        """The values of an operator with several outputs. An empty name leaves an input out."""
        names = tuple(f"{op.lower()}_{len(self._nodes)}_{index}" for index in range(num_outputs))
        self._nodes.append(_node(op, inputs, names, attributes))
        return names

    def to_bytes(self) -> bytes:
        """The file. Raises UsageError if its weights are too many for one file of ONNX."""
        if self._size > MAX_BYTES - 1_000_000:
            raise UsageError(f"an ONNX file has at most 2 GB, and the weights have {self._size:,} bytes")
        parts = [(1, self._nodes), (5, self._constants), (11, self._inputs), (12, self._outputs)]
        graph = message([(2, self._name), *((number, each) for number, list_ in parts for each in list_)])
        opsets = [message([(1, ""), (2, OPSET)]), message([(1, ML), (2, ML_OPSET)])]
        about = [(2, "seqshell"), (3, __version__), (6, self._about)]
        return message([(1, IR_VERSION), *about, (7, graph), *((8, opset) for opset in opsets)])


def _node(op: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]) -> bytes:
    fields: list[tuple[int, Any]] = [(1, name) for name in inputs] + [(2, name) for name in outputs]
    fields += [(3, outputs[0]), (4, op), (7, ML if op in ML_OPERATORS else "")]
    return message([*fields, *((5, _attribute(name, value)) for name, value in attributes.items())])


def _attribute(name: str, value: Any) -> bytes:
    """An attribute: a number, a text, or a list of one kind of them."""
    kinds = {float: (2, 1, 7, 6), int: (3, 2, 8, 7), str: (4, 3, 9, 8)}  # field and type of one, of a list
    of_one, type_of_one, of_list, type_of_list = kinds[type(value[0] if isinstance(value, list) else value)]
    if isinstance(value, list):
        return message([(1, name), *((of_list, each) for each in value), (20, type_of_list)])
    return message([(1, name), (of_one, value), (20, type_of_one)])


def _described(name: str, kind: str, sizes: Sequence[Size]) -> bytes:
    dims = [(1, message([(2 if isinstance(size, str) else 1, size)])) for size in sizes]
    tensor = message([(1, NUMBERS[kind]), (2, message(dims))])
    return message([(1, name), (2, message([(1, tensor)]))])
