"""Values of an ONNX graph with arithmetic, so that equations are written as in torch."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from seqshell.exporting.onnx_graph import Graph


class Value:
    """A value of float32. +, -, *, / and @ with another value, a number or an array add operators to its graph."""

    def __init__(self, graph: Graph, name: str) -> None:
        """name: of an input, or what `Graph.add` returned."""
        self.graph, self.name = graph, name

    def apply(self, op: str, *others: Value | ArrayLike, **attributes: Any) -> Value:
        """The value that an operator of ONNX gives, whose first input is this value."""
        names = (each.name if isinstance(each, Value) else self.graph.constant(each) for each in others)
        return Value(self.graph, self.graph.add(op, self.name, *names, **attributes))

    def __add__(self, other: Value | ArrayLike) -> Value:
        return self.apply("Add", other)

    def __sub__(self, other: Value | ArrayLike) -> Value:
        return self.apply("Sub", other)

    def __mul__(self, other: Value | ArrayLike) -> Value:
        return self.apply("Mul", other)

    def __truediv__(self, other: Value | ArrayLike) -> Value:
        return self.apply("Div", other)

    def __matmul__(self, other: Value | ArrayLike) -> Value:
        return self.apply("MatMul", other)

    def __neg__(self) -> Value:
        return self.apply("Neg")

    def exp(self) -> Value:
        return self.apply("Exp")

    def tanh(self) -> Value:
        return self.apply("Tanh")

    def sigmoid(self) -> Value:
        return self.apply("Sigmoid")

    def softplus(self) -> Value:
        """log(1 + exp(x)). log(sigmoid(x)) is -(-x).softplus()."""
        return self.apply("Softplus")

    def linear(self, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> Value:
        """W x + b of the last axis. weight: [O, I], bias: [O], as nn.Linear has them."""
        product = self @ weight.T
        return product if bias is None else product + bias

    def sum(self, axis: int, *, keepdims: bool = False) -> Value:
        """The sum over an axis."""
        return self._with("ReduceSum", axis, keepdims=int(keepdims))

    def mean(self, axis: int, *, keepdims: bool = False) -> Value:
        """The mean over an axis."""
        return self._with("ReduceMean", axis, keepdims=int(keepdims))

    def reshape(self, *sizes: int) -> Value:
        """The same elements in other sizes: 0 keeps a size, and -1 is what is left."""
        return self._with("Reshape", *sizes)

    def unsqueeze(self, *axes: int) -> Value:
        """With new axes of size 1."""
        return self._with("Unsqueeze", *axes)

    def squeeze(self, *axes: int) -> Value:
        """Without axes of size 1."""
        return self._with("Squeeze", *axes)

    def transpose(self, *axes: int) -> Value:
        """With its axes in another order."""
        return self.apply("Transpose", perm=list(axes))

    def slice(self, start: int, end: int, *, axis: int) -> Value:
        """The elements from start to before end of an axis."""
        places = (self.graph.integers(each) for each in (start, end, axis))
        return Value(self.graph, self.graph.add("Slice", self.name, *places))

    def split(self, *sizes: int) -> list[Value]:
        """Parts of these sizes of the last axis."""
        parts = self.graph.add_many("Split", len(sizes), self.name, self.graph.integers(*sizes), axis=-1)
        return [Value(self.graph, part) for part in parts]

    def _with(self, op: str, *integers: int, **attributes: Any) -> Value:
        return Value(self.graph, self.graph.add(op, self.name, self.graph.integers(*integers), **attributes))
