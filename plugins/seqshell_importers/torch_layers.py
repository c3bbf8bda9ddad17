"""Recurrent layers in torch's order of gates, and the language model of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, ForeignModel, Task

Array = NDArray[Any]
GATE_NAMES = "rzn"


@dataclass(frozen=True, eq=False)
class Gates:
    """A layer: inputs [G * H, I], hidden [G * H, H], and both biases [G * H].

    reset: of a GRU, "after" or "before" the product. nonlinearity: of an RNN, "relu"; "" for what is usual.
    """

    inputs: Array
    hidden: Array
    input_bias: Array
    hidden_bias: Array
    reset: str = "after"
    nonlinearity: str = ""

    @property
    def size(self) -> int:
        """H."""
        return int(self.hidden.shape[1])

    def torch_weights(self, prefix: str) -> dict[str, Array]:
        """By the names of nn.LSTM and the like."""
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        arrays = (self.inputs, self.hidden, self.input_bias, self.hidden_bias)
        return {f"{prefix}{name}": np.ascontiguousarray(array) for name, array in zip(names, arrays, strict=True)}

    def gru_cell_weights(self, prefix: str) -> dict[str, Array]:
        """By the names of gru_cell with reset = before, whose gates have one bias."""
        found = {}
        for index, gate in enumerate(GATE_NAMES):
            rows = slice(index * self.size, (index + 1) * self.size)
            found[f"{prefix}W_{gate}"] = self.inputs[rows]
            found[f"{prefix}U_{gate}"] = self.hidden[rows]
            found[f"{prefix}b_{gate}"] = self.input_bias[rows] + self.hidden_bias[rows]
        return found


def language_model(
    cell: str, embedding: Array | None, layers: Sequence[Gates], readout: Array, bias: Array, about: str
) -> ForeignModel:
    """The model of an embedding [V, E], None for one-hot tokens, layers and a read-out [V, H].

    Raises CheckpointError for what no architecture has.
    """
    sizes = {gates.size for gates in layers}
    if len(sizes) > 1:
        raise CheckpointError(
            f"its layers have {' and '.join(map(str, sorted(sizes)))} units; lstm and the like have one"
        )
    config: dict[str, Any] = {"vocab_size": len(readout), "embed_size": 0 if embedding is None else embedding.shape[1]}
    config |= {"hidden_size": sizes.pop(), "num_layers": len(layers)}
    weights = {"readout.weight": readout, "readout.bias": bias}
    if embedding is not None:
        weights["embedding.weight"] = embedding
    is_before = cell == "gru" and layers[0].reset == "before"
    if cell == "rnn":
        config["nonlinearity"] = layers[0].nonlinearity or "tanh"
    if is_before:
        config["reset"] = "before"
    for index, gates in enumerate(layers):
        if (gates.reset, gates.nonlinearity) != (layers[0].reset, layers[0].nonlinearity):
            raise CheckpointError("its layers differ in their settings")
        weights |= (
            gates.gru_cell_weights(f"cells.{index}.") if is_before else gates.torch_weights(f"recurrent.{index}.")
        )
    arrays = {name: np.array(array, np.float32) for name, array in weights.items()}
    return ForeignModel(Task.GENERATE, "gru_cell" if is_before else cell, config, arrays, tokenizer=None, about=about)
