"""Products with a matrix, in numpy."""

from __future__ import annotations

from seqshell.layers.packing import Floats, Weights, take
from seqshell.layers.products import product


class Linear:
    """W x + b, or W x."""

    def __init__(self, weight: Floats, bias: Floats | None = None) -> None:
        """weight: [O, I], bias: [O]."""
        self._weight = weight.T
        self._bias = bias

    def __call__(self, inputs: Floats) -> Floats:
        """inputs: [..., I]. Returns [..., O]."""
        outputs = product(inputs, self._weight)
        if self._bias is not None:
            outputs += self._bias
        return outputs


def read_linear(weights: Weights, prefix: str, input_size: int, output_size: int, *, has_bias: bool = True) -> Linear:
    """The layer of weights[f"{prefix}weight"] [O, I] and weights[f"{prefix}bias"] [O]; CheckpointError when they do not fit."""
    return Linear(
        take(weights, prefix + "weight", output_size, input_size),
        take(weights, prefix + "bias", output_size) if has_bias else None,
    )
