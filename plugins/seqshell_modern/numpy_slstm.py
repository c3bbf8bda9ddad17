"""The decoder of slstm in numpy; its equations are in `slstm`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.layers import read_linear, take
from seqshell.layers.weights import Floats, Weights
from seqshell_modern.config import HeadedConfig
from seqshell_modern.numpy_blocks import CausalConv, HeadNorm, ModernDecoder, sigmoid, silu, softplus


class SLSTMState(NamedTuple):
    """hidden: h [B, L, N P]; cell: c and normaliser: n, both times exp(-stabiliser); stabiliser: m, -inf at first.

    conv: the last inputs of the convolution, [B, L, K - 1, D].
    """

    hidden: NDArray[Any]
    cell: NDArray[Any]
    normaliser: NDArray[Any]
    stabiliser: NDArray[Any]
    conv: NDArray[Any]


class SLSTM:
    """sLSTM. The gates are `forget`, the share of the cell that a step keeps after the stabiliser, and `output`."""

    def __init__(self, config: HeadedConfig, weights: Weights, prefix: str) -> None:
        size, inner, (heads, part) = config.embed_size, config.inner_size, (config.num_heads, config.head_size)
        self.shape = heads, part
        self.conv = CausalConv(weights, prefix + "conv.", size, config.conv_size)
        self.gates = read_linear(weights, prefix + "gates.", size, 2 * inner)
        self.inputs = read_linear(weights, prefix + "inputs.", size, 2 * inner)
        recurrent = take(weights, prefix + "recurrent", 4, heads, part, part)
        self.recurrent = np.ascontiguousarray(recurrent.transpose(0, 1, 3, 2))  # [4, N, P, P], of h as a row
        self.norm = HeadNorm(weights, prefix + "norm.", heads, part)
        self.output = read_linear(weights, prefix + "output.", inner, size, has_bias=False)

    def initial_state(self, batch_size: int) -> SLSTMState:
        """Zeros of one layer, and a stabiliser of -inf."""
        zeros = np.zeros((batch_size, self.output.weight.shape[0]), np.float32)
        return SLSTMState(zeros, zeros, zeros, np.full_like(zeros, -np.inf), self.conv.initial_state(batch_size))

    def read(self, inputs: Floats, state: SLSTMState) -> tuple[Floats, SLSTMState, dict[str, Floats]]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state, gates [B, T, N P]."""
        (heads, part), (batch, steps) = self.shape, inputs.shape[:2]
        seen, conv = self.conv(inputs, state.conv)
        products = np.concatenate((self.gates(silu(seen)), self.inputs(inputs)), -1).reshape(batch, steps, 4, -1)
        hidden, cell, normaliser, bound, _ = state
        outputs = np.empty((batch, steps, heads * part), np.float32)
        gates: dict[str, Floats] = {name: np.empty_like(outputs) for name in ("forget", "output")}
        for step in range(steps):
            rows = hidden.reshape(batch, 1, heads, 1, part)
            recurrent = (rows @ self.recurrent).reshape(batch, 4, -1)
            log_input, forget, new, out = (products[:, step] + recurrent).swapaxes(0, 1)
            carried = bound - softplus(-forget)
            bound = np.maximum(carried, log_input)
            kept, added = np.exp(carried - bound), np.exp(log_input - bound)
            cell, normaliser = kept * cell + added * np.tanh(new), kept * normaliser + added
            out = sigmoid(out)
            hidden = outputs[:, step] = out * cell / normaliser
            gates["forget"][:, step], gates["output"][:, step] = kept, out
        passed = self.norm(outputs.reshape(batch, steps, heads, part))
        return self.output(passed), SLSTMState(hidden, cell, normaliser, bound, conv), gates


class SLSTMDecoder(ModernDecoder):
    """Steps an slstm. State: SLSTMState."""

    def __init__(self, config: HeadedConfig, weights: Weights) -> None:
        super().__init__(config, weights, SLSTM)
