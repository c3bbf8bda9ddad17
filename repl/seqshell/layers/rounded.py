"""Stacks with the weights that kernels have in bf16 or int8, for what numpy computes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from seqshell.kernels.rounding import rounded
from seqshell.layers.recurrent import RecurrentStack


def rounded_stack(stack: RecurrentStack, precision: str) -> RecurrentStack:
    """A copy of a stack of this package's layers; those of inputs that are looked up stay in float32."""
    if precision == "float32":
        return stack
    first: Any = stack.layers[0]
    num_inputs = len(first.input_weight) - len(stack.extra_weight)
    other = copy.copy(stack)
    other.extra_weight = rounded(stack.extra_weight, precision)
    inputs = [np.concatenate((first.input_weight[:num_inputs], other.extra_weight))]
    inputs += [rounded(layer.input_weight, precision) for layer in stack.layers[1:]]
    layers: Any = stack.layers
    other.layers = tuple(
        layer.with_weights(each, rounded(layer.hidden_weight, precision))
        for layer, each in zip(layers, inputs, strict=True)
    )
    return other
