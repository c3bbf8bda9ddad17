"""Recurrent stacks with residual connections and layer normalisation, in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.layers.cells import Layer
from seqshell.layers.recurrent import CHUNK, RecurrentStack
from seqshell.layers.states import top_hidden
from seqshell.layers.weights import Floats, Weights, take

EPSILON = np.float32(1e-5)  # as in torch


class LayerNorm:
    """(x - mean) / sqrt(variance + 1e-5) * gain + bias, over the H units of a layer.

    Ba et al. 2016, https://arxiv.org/abs/1607.06450.
    """

    def __init__(self, gain: Floats, bias: Floats) -> None:
        """gain, bias: [H]."""
        self.gain, self.bias = gain, bias

    def __call__(self, hidden: Floats) -> Floats:
        """hidden: [..., H]. Returns a new array [..., H]."""
        centred: Floats = hidden - hidden.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        centred *= 1 / np.sqrt(variance + EPSILON)
        centred *= self.gain
        centred += self.bias
        return centred


def read_norms(weights: Weights, *, hidden_size: int, num_layers: int, prefix: str = "recurrent.") -> list[LayerNorm]:
    """The LayerNorm of each layer, with weights[f"{prefix}{layer}.norm.weight"] [H] and
    weights[f"{prefix}{layer}.norm.bias"] [H].

    Raises CheckpointError if a tensor is missing or has another shape.
    """
    return [
        LayerNorm(
            take(weights, f"{prefix}{layer}.norm.weight", hidden_size),
            take(weights, f"{prefix}{layer}.norm.bias", hidden_size),
        )
        for layer in range(num_layers)
    ]


class ResidualStack(RecurrentStack):
    """A RecurrentStack with layer normalisation (if `norms` is given) and residual connections (if `residual`).

    A layer passes LayerNorm(h) to the next one. With residual connections, every layer but the first adds its input to
    that (Wu et al. 2016, https://arxiv.org/abs/1609.08144, section 3.1). The recurrence itself uses h, so the state is
    the same as a RecurrentStack's.
    """

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
        self.norms = norms
        self.residual = residual

    def step(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B] ids or [B, F]; extra: [B, X]. Returns the last layer's outputs [B, H] and the state."""
        outputs, state = self.read(inputs[:, None], state, extra)
        return outputs[:, 0], state

    def feed(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B, T] ids or [B, T, F]; extra: [B, X]. Returns the outputs of the last step [B, H] and the state."""
        for start in range(0, inputs.shape[1], CHUNK):
            outputs, state = self.read(inputs[:, start : start + CHUNK], state, extra)
        return outputs[:, -1], state

    def last_outputs(self, state: State) -> Floats | None:
        """What `step` returned with the state, [B, H]; None if residual connections add the input to it."""
        if self.residual and len(self.layers) > 1:
            return None
        hidden: Floats = top_hidden(state)
        return hidden if self.norms is None else self.norms[-1](hidden)

    def _layer_outputs(self, index: int, hidden: Floats, inputs: NDArray[Any]) -> Floats:
        if self.norms is not None:
            hidden = self.norms[index](hidden)
        return hidden + inputs if self.residual and index else hidden
