"""Stacks in numpy whose layers hand on more than their hidden states: with residual connections, with layer normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.layers.cells import Layer
from seqshell.layers.packing import Floats, Weights, take
from seqshell.layers.recurrent import CHUNK, RecurrentStack

EPSILON = np.float32(1e-5)  # as torch has it


class LayerNorm:
    """(x - mean) / sqrt(variance + 1e-5) * gain + bias over the units of a layer (Ba et al. 2016, https://arxiv.org/abs/1607.06450)."""

    def __init__(self, gain: Floats, bias: Floats) -> None:
        """gain, bias: [H]."""
        self._gain, self._bias = gain, bias

    def __call__(self, hidden: Floats) -> Floats:
        """hidden: [..., H]. Returns a fresh [..., H]."""
        centred: Floats = hidden - hidden.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        centred *= 1 / np.sqrt(variance + EPSILON)
        centred *= self._gain
        centred += self._bias
        return centred


def read_norms(weights: Weights, *, hidden_size: int, num_layers: int, prefix: str = "recurrent.") -> list[LayerNorm]:
    """Of every layer: weights[f"{prefix}{layer}.norm.weight"] [H] and .bias [H]. CheckpointError when one is missing or has another shape."""
    return [
        LayerNorm(
            take(weights, f"{prefix}{layer}.norm.weight", hidden_size),
            take(weights, f"{prefix}{layer}.norm.bias", hidden_size),
        )
        for layer in range(num_layers)
    ]


class ResidualStack(RecurrentStack):
    """A RecurrentStack whose layers hand on their hidden states normalised, where there are norms, and then, with residual and but for the first
    layer, added to what they have read. The state is that of a RecurrentStack."""

    def __init__(
        self,
        layers: Sequence[Layer],
        vectors: Floats | None = None,
        *,
        one_hot: bool = False,
        table_rows: int = 0,
        norms: Sequence[LayerNorm] | None = None,
        residual: bool = False,
    ) -> None:
        super().__init__(layers, vectors, one_hot=one_hot, table_rows=table_rows)
        self._norms = norms
        self._residual = residual

    def step(self, inputs: NDArray[Any], state: State, beside: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B] ids or [B, F]; beside: [B, X]. Returns the last layer's outputs [B, H] and the state."""
        outputs, state = self.read(inputs[:, None], state, beside)
        return outputs[:, 0], state

    def feed(self, inputs: NDArray[Any], state: State, beside: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B, T] ids or [B, T, F]; beside: [B, X]. Returns the last layer's outputs after the last step [B, H], and the state."""
        for start in range(0, inputs.shape[1], CHUNK):
            outputs, state = self.read(inputs[:, start : start + CHUNK], state, beside)
        return outputs[:, -1], state

    def _handed_on(self, index: int, hidden: Floats, read: NDArray[Any]) -> Floats:
        if self._norms is not None:
            hidden = self._norms[index](hidden)
        return hidden + read if self._residual and index else hidden
