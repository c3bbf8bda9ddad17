"""The same random stack of layers in numpy and compiled."""

import numpy as np

from seqshell.core.state import leaves
from seqshell.layers import (
    LayerNorm,
    LinearLayer,
    OutputStack,
    Readout,
    RecurrentStack,
    ReluLayer,
    ResidualStack,
    SigmoidLayer,
    TanhLayer,
)
from seqshell.layers.cells import GRULayer, LSTMLayer

V, E = 33, 7
CELLS = {TanhLayer: 1, ReluLayer: 1, SigmoidLayer: 1, LinearLayer: 1, LSTMLayer: 4, GRULayer: 3}


def stacks(cell, size, *, depth=2, norm=False, residual=False, one_hot=False, **options):
    """The same stack with random weights and its read-out, in numpy and compiled."""
    from seqshell.layers import CompiledStack

    random = np.random.default_rng(size)

    def numbers(*shape):
        return random.normal(0, 0.5 / shape[-1] ** 0.5, shape).astype(np.float32)

    sizes = [V if one_hot else E] + [size] * (depth - 1)
    rows = CELLS[cell] * size
    layers = [cell(numbers(rows, width), numbers(rows, size), numbers(rows), numbers(rows)) for width in sizes]
    vectors = None if one_hot else numbers(V, E)
    if norm or residual:
        norms = [LayerNorm(1 + numbers(size), numbers(size)) for _ in layers] if norm else None
        stack = ResidualStack(layers, vectors, one_hot=one_hot, norms=norms, residual=residual)
    else:
        stack = RecurrentStack(layers, vectors, one_hot=one_hot, **options)
    readout = Readout({"readout.weight": numbers(V, size), "readout.bias": numbers(V)}, size, V)
    return OutputStack(stack, readout), CompiledStack(stack, readout)


def same(found, expected, close=3e-6):
    """Outputs and states are the same but for rounding."""
    for value, right in zip((found[0], *leaves(found[1])), (expected[0], *leaves(expected[1])), strict=True):
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, right, rtol=0, atol=close)
