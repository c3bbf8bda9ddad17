"""A linear layer in numpy."""

from __future__ import annotations

from seqshell.layers.matmul import matmul
from seqshell.layers.weights import Floats, Weights, take


class Linear:
    """W x + b, or W x without a bias. weight: W transposed, [I, O]; bias: [O]."""

    def __init__(self, weight: Floats, bias: Floats | None = None) -> None:
        """weight: [O, I], bias: [O]."""
        self.weight = weight.T
        self.bias = bias

    def __call__(self, inputs: Floats) -> Floats:
        """inputs: [..., I]. Returns [..., O]."""
        outputs = matmul(inputs, self.weight)
        if self.bias is not None:
            outputs += self.bias
        return outputs


def read_linear(weights: Weights, prefix: str, input_size: int, output_size: int, *, has_bias: bool = True) -> Linear:
    """The linear layer with weights[f"{prefix}weight"] [O, I] and weights[f"{prefix}bias"] [O].

    Raises CheckpointError if a tensor is missing or has another shape.
    """
    return Linear(
        take(weights, prefix + "weight", output_size, input_size),
        take(weights, prefix + "bias", output_size) if has_bias else None,
    )
