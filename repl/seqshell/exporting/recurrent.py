"""Stacked recurrent layers, as code of PyTorch and as nodes of ONNX.

States are as torch has them: [L, B, H], two of them for an LSTM. ONNX orders the gates of an LSTM input, output,
forget, cell, and torch input, forget, cell, output; those of a GRU update, reset, candidate, and torch reset, update,
candidate (https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.exporting.onnx_graph import Graph
from seqshell.exporting.values import Value
from seqshell.layers import take

Layer = Mapping[str, NDArray[Any]]
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
TORCH = {"rnn_tanh": "nn.RNN", "rnn_relu": "nn.RNN", "lstm": "nn.LSTM", "gru": "nn.GRU"}
GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "gru_reset_before": (1, 0, 2)}  # those of torch in ONNX's order
OPERATORS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "rnn_tanh": ("RNN", {"activations": ["Tanh"]}),
    "rnn_relu": ("RNN", {"activations": ["Relu"]}),
    "rnn_sigmoid": ("RNN", {"activations": ["Sigmoid"]}),
    "rnn_none": ("RNN", {"activations": ["Affine"], "activation_alpha": [1.0], "activation_beta": [0.0]}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {"linear_before_reset": 1}),
    "gru_reset_before": ("GRU", {"linear_before_reset": 0}),
}
# The step of cells that torch does not have. inputs: W x + b of a step; h: the hidden state.
STEPS = {
    "rnn_sigmoid": ["h = torch.sigmoid(inputs + functional.linear(h, self.weight_hh, self.bias_hh))"],
    "rnn_none": ["h = inputs + functional.linear(h, self.weight_hh, self.bias_hh)"],
    "gru_reset_before": [
        "size = h.shape[1]",
        "past = functional.linear(h, self.weight_hh[: 2 * size], self.bias_hh[: 2 * size])",
        "r, z = torch.sigmoid(inputs[:, : 2 * size] + past).chunk(2, 1)",
        "past = functional.linear(r * h, self.weight_hh[2 * size :], self.bias_hh[2 * size :])",
        "n = torch.tanh(inputs[:, 2 * size :] + past)",
        "h = (1 - z) * n + z * h",
    ],
}
STEPWISE = '''\
class Layer(nn.Module):
    """A recurrent layer, called like nn.RNN with batch_first=True."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty({gates} * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty({gates} * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty({gates} * hidden_size))
        self.bias_hh = nn.Parameter(torch.empty({gates} * hidden_size))

    def forward(self, inputs, hidden):
        h, outputs = hidden[0], []
        for inputs in functional.linear(inputs, self.weight_ih, self.bias_ih).unbind(1):
            {step}
            outputs.append(h)
        return torch.stack(outputs, 1), h.unsqueeze(0)


'''


@dataclass(frozen=True, eq=False)
class RecurrentLayers:
    """Recurrent layers, from the bottom up.

    cell: a cell of `seqshell.layers`.
    layers: their weights, named as in PARTS, and of a layer norm norm.weight and norm.bias.
    backward: those of the other direction, of which there is none or one for each layer; no norms then.
    residual: add each layer's input to its output, except for the first layer.
    """

    cell: str
    layers: Sequence[Layer]
    backward: Sequence[Layer] = ()
    residual: bool = False

    @classmethod
    def read(
        cls,
        cell: str,
        weights: Layer,
        prefixes: Sequence[str],
        *,
        input_size: int,
        hidden_size: int,
        residual: bool = False,
        layer_norm: bool = False,
    ) -> RecurrentLayers:
        """Those of a `seqshell.layers.modules.RecurrentStack`. prefixes: of the names of each layer's weights.

        Raises CheckpointError if a weight is missing or has another shape.
        """
        layers = []
        for index, prefix in enumerate(prefixes):
            size = hidden_size if index else input_size
            layers.append(read_layer(cell, weights, prefix, "_l0", size, hidden_size))
            if layer_norm:
                norms = {name: take(weights, f"{prefix}{name}", hidden_size) for name in ("norm.weight", "norm.bias")}
                layers[-1] = {**layers[-1], **norms}
        return cls(cell, layers, residual=residual)

    @classmethod
    def read_bidirectional(
        cls, cell: str, weights: Layer, prefixes: Sequence[str], *, input_size: int, hidden_size: int
    ) -> RecurrentLayers:
        """Those of a `seqshell.layers.modules.BidirectionalLayer` for each prefix. Errors as `read`."""
        ahead, back = (
            [
                read_layer(
                    cell,
                    weights,
                    f"{prefix}{direction}.0.",
                    "_l0",
                    2 * hidden_size if index else input_size,
                    hidden_size,
                )
                for index, prefix in enumerate(prefixes)
            ]
            for direction in ("ahead", "back")
        )
        return cls(cell, ahead, back)

    @property
    def input_size(self) -> int:
        """The number of inputs of the first layer."""
        return int(self.layers[0]["weight_ih"].shape[1])

    @property
    def hidden_size(self) -> int:
        """The size of a layer's hidden state, in one direction."""
        return int(self.layers[0]["weight_hh"].shape[1])

    @property
    def num_states(self) -> int:
        """2 for an LSTM, else 1."""
        return 2 if self.cell == "lstm" else 1

    @property
    def is_single(self) -> bool:
        """Whether one module of torch computes all layers."""
        return self.cell in TORCH and not self.residual and "norm.weight" not in self.layers[0]

    # PyTorch

    def classes(self) -> str:
        """The code of the classes that the other code needs."""
        if self.cell in TORCH:
            return ""
        step = "\n            ".join(STEPS[self.cell])
        return STEPWISE.replace("{step}", step).replace("{gates} * ", f"{self._gates} * " if self._gates > 1 else "")

    def init(self, name: str) -> list[str]:
        """The lines of __init__ that make the layers, as an attribute of this name."""
        if self.is_single:
            options = f", num_layers={len(self.layers)}" if len(self.layers) > 1 else ""
            options += ', nonlinearity="relu"' if self.cell == "rnn_relu" else ""
            options += ", bidirectional=True" if self.backward else ""
            kind = f"{TORCH[self.cell]}({self.input_size}, {self.hidden_size}{options}, batch_first=True)"
            return [f"self.{name} = {kind}"]
        sizes = [int(layer["weight_ih"].shape[1]) for layer in self.layers]
        options = ', nonlinearity="relu"' if self.cell == "rnn_relu" else ""
        kind, options = (TORCH[self.cell], f"{options}, batch_first=True") if self.cell in TORCH else ("Layer", "")
        made = f"nn.ModuleList({kind}(size, {self.hidden_size}{options}) for size in {sizes})"
        lines = [f"self.{each} = {made}" for each in (name, f"{name}_back")[: 2 if self.backward else 1]]
        if "norm.weight" in self.layers[0]:
            norms = f"nn.LayerNorm({self.hidden_size}) for _ in range({len(self.layers)})"
            lines.append(f"self.{name}_norms = nn.ModuleList({norms})")
        return lines

    def run(self, name: str, inputs: str = "inputs") -> list[str]:
        """The lines that compute `hidden` [B, T, H] and `state` from `state` and the code of inputs [B, T, F]."""
        if self.is_single:
            return [f"hidden, state = self.{name}({inputs}, state)"]
        own, joined = "state[index : index + 1]", "torch.cat(finals)"
        if self.num_states == 2:
            own = "tuple(part[index : index + 1].contiguous() for part in state)"
            joined = "tuple(torch.cat(parts) for parts in zip(*finals))"
        lines = [f"inputs = {inputs}"] if inputs != "inputs" else []
        lines += ["finals = []", f"for index, layer in enumerate(self.{name}):"]
        inner = [f"hidden, final = layer(inputs, {own})", "finals.append(final)"]
        if "norm.weight" in self.layers[0]:
            inner.append(f"hidden = self.{name}_norms[index](hidden)")
        inner.append("inputs = hidden + inputs if index else hidden" if self.residual else "inputs = hidden")
        lines += [f"    {line}" for line in inner]
        return [*lines, f"hidden, state = inputs, {joined}"]

    def encode(self, name: str, inputs: str) -> list[str]:
        """The lines that compute `encoded` and `final`, as the outputs and states of `add_to`, from the code of inputs.

        Not with norms or residual.
        """
        if self.is_single:
            return [f"encoded, final = self.{name}({inputs})"]
        lines = [f"encoded, finals = {inputs}, []", f"zeros = encoded.new_zeros(1, len(encoded), {self.hidden_size})"]
        if self.backward:
            lines += [
                f"for layer, back in zip(self.{name}, self.{name}_back):",
                "    hidden, last = layer(encoded, zeros)",
                "    other, first = back(encoded.flip(1), zeros)",
                "    encoded = torch.cat((hidden, other.flip(1)), -1)",
                "    finals += [last, first]",
            ]
        else:
            lines += [
                f"for layer in self.{name}:",
                "    encoded, last = layer(encoded, zeros)",
                "    finals.append(last)",
            ]
        return [*lines, "final = torch.cat(finals)"]

    def initial_state(self) -> list[str]:
        """The lines of a method that returns the first state, zeros."""
        sizes = f"{len(self.layers)}, batch_size, {self.hidden_size}"
        if self.num_states == 1:
            return [f"return torch.zeros({sizes})"]
        return [f"return torch.zeros({sizes}), torch.zeros({sizes})  # hidden states and cells"]

    def weights(self, name: str) -> dict[str, NDArray[Any]]:
        """The state_dict of what `init` makes."""
        found = {}
        for suffix, layers in (("", self.layers), ("_reverse", self.backward)):
            for index, layer in enumerate(layers):
                for part in PARTS:
                    place = f"{name}.{part}_l{index}{suffix}"
                    if not self.is_single:
                        own = f"{name}_back" if suffix else name
                        place = f"{own}.{index}.{part}_l0" if self.cell in TORCH else f"{own}.{index}.{part}"
                    found[place] = layer[part]
                for part in ("weight", "bias"):
                    if f"norm.{part}" in layer:
                        found[f"{name}_norms.{index}.{part}"] = layer[f"norm.{part}"]
        return found

    # ONNX

    def add_to(self, graph: Graph, inputs: str, states: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
        """Add the layers to a graph. inputs: [B, T, F]; states: [L, B, H] each, or none for zeros.

        Returns the outputs [B, T, H], or [B, T, 2 H] in both directions, and the states, [D L, B, H] each: of two
        directions, those of a layer are neighbours.
        """
        inputs, finals = graph.add("Transpose", inputs, perm=[1, 0, 2]), []  # [T, B, F]
        for index, layer in enumerate(self.layers):
            before = [Value(graph, each).slice(index, index + 1, axis=0).name for each in states]
            hidden, own = self._layer(graph, layer, inputs, before)
            finals.append(own)
            if "norm.weight" in layer:
                scale, bias = (graph.constant(layer[f"norm.{name}"]) for name in ("weight", "bias"))
                hidden = graph.add("LayerNormalization", hidden, scale, bias, axis=-1, epsilon=1e-5)
            if self.backward:
                other, own = self._layer(graph, self.backward[index], inputs, (), direction="reverse")
                finals.append(own)
                hidden = graph.add("Concat", hidden, other, axis=-1)
            inputs = graph.add("Add", hidden, inputs) if self.residual and index else hidden
        outputs = graph.add("Transpose", inputs, perm=[1, 0, 2])
        return outputs, tuple(graph.add("Concat", *parts, axis=0) for parts in zip(*finals, strict=True))

    def _layer(
        self, graph: Graph, layer: Layer, inputs: str, states: Sequence[str], **attributes: Any
    ) -> tuple[str, tuple[str, ...]]:
        """One direction of one layer: its outputs [T, B, H], and its states after the last step, [1, B, H] each."""
        op, own = OPERATORS[self.cell]
        ordered = {part: self._reordered(layer[part]) for part in PARTS}
        biases = np.concatenate([ordered["bias_ih"], ordered["bias_hh"]])
        given = [graph.constant(each[None]) for each in (ordered["weight_ih"], ordered["weight_hh"], biases)]
        options = {**own, **attributes, "hidden_size": self.hidden_size}
        outputs, *final = graph.add_many(op, 1 + self.num_states, inputs, *given, "", *states, **options)
        return graph.add("Squeeze", outputs, graph.integers(1)), tuple(final)

    def _reordered(self, weights: NDArray[Any]) -> NDArray[Any]:
        """Weights [G * H, ...] with their gates in ONNX's order."""
        gates = np.split(weights, self._gates)
        return np.concatenate([gates[index] for index in GATES.get(self.cell, (0,))])

    @property
    def _gates(self) -> int:
        return len(GATES.get(self.cell, (0,)))


def read_layer(cell: str, weights: Layer, prefix: str, suffix: str, input_size: int, hidden_size: int) -> Layer:
    """The weights of one layer of torch, by their names in PARTS. suffix: of its names, such as "_l0_reverse"."""
    rows = len(GATES.get(cell, (0,))) * hidden_size
    shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size), "bias_ih": (rows,), "bias_hh": (rows,)}
    return {part: take(weights, f"{prefix}{part}{suffix}", *shapes[part]) for part in PARTS}
