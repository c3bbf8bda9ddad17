"""The decoder of rg_lru in numpy; its equations are in `rg_lru`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.layers import read_linear, take
from seqshell.layers.weights import Floats, Weights
from seqshell_modern.config import RGLRUConfig
from seqshell_modern.numpy_blocks import CausalConv, ModernDecoder, gelu, sigmoid, softplus

SHARPNESS, TWO, LEAST = np.float32(8), np.float32(2), np.float32(1e-8)  # as in `rg_lru`


class RGLRUState(NamedTuple):
    """hidden: [B, L, H]. conv: the last inputs of the convolution, [B, L, K - 1, H]."""

    hidden: NDArray[Any]
    conv: NDArray[Any]


class RGLRU:
    """The recurrent block. The gate `forget` is a_t, the share that a step keeps."""

    def __init__(self, config: RGLRUConfig, weights: Weights, prefix: str) -> None:
        size = self.hidden_size = config.hidden_size
        self.input = read_linear(weights, prefix + "input.", config.embed_size, size, has_bias=False)
        self.gate = read_linear(weights, prefix + "gate.", config.embed_size, size, has_bias=False)
        self.conv = CausalConv(weights, prefix + "conv.", size, config.conv_size)
        self.gates = read_linear(weights, prefix + "gates.", size, 2 * size)
        self.log_decay = -softplus(-take(weights, prefix + "decay", size)) * SHARPNESS
        self.output = read_linear(weights, prefix + "output.", size, config.embed_size, has_bias=False)

    def initial_state(self, batch_size: int) -> RGLRUState:
        """Zeros of one layer."""
        return RGLRUState(np.zeros((batch_size, self.hidden_size), np.float32), self.conv.initial_state(batch_size))

    def read(self, inputs: Floats, state: RGLRUState) -> tuple[Floats, RGLRUState, dict[str, Floats]]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state, gates [B, T, H]."""
        seen, conv = self.conv(self.input(inputs), state.conv)
        gates = sigmoid(self.gates(seen))
        forget, add = gates[..., : self.hidden_size], gates[..., self.hidden_size :]
        log_kept = self.log_decay * forget
        kept: Floats = np.exp(log_kept)
        added = np.sqrt(np.maximum(-np.expm1(TWO * log_kept), LEAST)) * add * seen
        hidden, outputs = state.hidden, np.empty_like(kept)
        for step in range(kept.shape[1]):
            hidden = outputs[:, step] = kept[:, step] * hidden + added[:, step]
        return self.output(outputs * gelu(self.gate(inputs))), RGLRUState(hidden, conv), {"forget": kept, "input": add}


class RGLRUDecoder(ModernDecoder):
    """Steps an rg_lru. State: RGLRUState."""

    def __init__(self, config: RGLRUConfig, weights: Weights) -> None:
        super().__init__(config, weights, RGLRU)
