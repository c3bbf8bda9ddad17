"""The decoder of mlstm in numpy; its equations are in `mlstm`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.layers import read_linear
from seqshell.layers.weights import Floats, Weights
from seqshell_modern.config import HeadedConfig
from seqshell_modern.numpy_blocks import CausalConv, HeadNorm, ModernDecoder, sigmoid, silu, softplus

LARGEST = np.float32(80)  # as in `mlstm`


class MLSTMState(NamedTuple):
    """memory: C transposed, [B, L, N, P, P], keys first; normaliser: n [B, L, N, P]; both times exp(-stabiliser).

    stabiliser: m [B, L, N]. conv: the last inputs of the convolution, [B, L, K - 1, D].
    """

    memory: NDArray[Any]
    normaliser: NDArray[Any]
    stabiliser: NDArray[Any]
    conv: NDArray[Any]


class MLSTM:
    """mLSTM. The gates are `forget`, f_t of each head, and `output`, o_t."""

    def __init__(self, config: HeadedConfig, weights: Weights, prefix: str) -> None:
        size, inner = config.embed_size, config.inner_size
        self.shape = config.num_heads, config.head_size
        self.conv = CausalConv(weights, prefix + "conv.", size, config.conv_size)
        self.query, self.key, self.value = (
            read_linear(weights, prefix + name, size, inner, has_bias=False) for name in ("query.", "key.", "value.")
        )
        self.gates = read_linear(weights, prefix + "gates.", size, 2 * config.num_heads)
        self.output_gate = read_linear(weights, prefix + "output_gate.", size, inner)
        self.norm = HeadNorm(weights, prefix + "norm.", *self.shape)
        self.output = read_linear(weights, prefix + "output.", inner, size, has_bias=False)

    def initial_state(self, batch_size: int) -> MLSTMState:
        """Zeros of one layer."""
        heads, size = self.shape
        sizes = (batch_size, heads, size, size), (batch_size, heads, size), (batch_size, heads)
        memory, normaliser, stabiliser = (np.zeros(each, np.float32) for each in sizes)
        return MLSTMState(memory, normaliser, stabiliser, self.conv.initial_state(batch_size))

    def read(self, inputs: Floats, state: MLSTMState) -> tuple[Floats, MLSTMState, dict[str, Floats]]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state, gates [B, T, ...]."""
        (heads, size), (batch, steps) = self.shape, inputs.shape[:2]
        seen, conv = self.conv(inputs, state.conv)
        seen = silu(seen)
        parts = self.query(seen), self.key(seen) * np.float32(size**-0.5), self.value(inputs)
        query, key, value = (each.reshape(batch, steps, heads, size) for each in parts)
        gates = self.gates(seen)
        log_input, log_forget = gates[..., :heads], -softplus(-gates[..., heads:])
        memory, normaliser, bound, _ = state
        hidden = np.empty_like(query)
        for step in range(steps):
            carried = log_forget[:, step] + bound
            bound = np.maximum(carried, log_input[:, step])
            kept = np.exp(carried - bound)[..., None]
            weights = np.exp(log_input[:, step] - bound)[..., None] * key[:, step]
            memory = kept[..., None] * memory + weights[..., None] * value[:, step, :, None]
            normaliser = kept * normaliser + weights
            products = np.abs((normaliser * query[:, step]).sum(-1))
            scale = np.maximum(products, np.exp(np.minimum(-bound, LARGEST)))
            hidden[:, step] = (query[:, step, :, None] @ memory)[..., 0, :] / scale[..., None]
        out = sigmoid(self.output_gate(inputs))
        outputs = self.output(out * self.norm(hidden))
        named = {"forget": np.exp(log_forget), "output": out}
        return outputs, MLSTMState(memory, normaliser, bound, conv), named


class MLSTMDecoder(ModernDecoder):
    """Steps an mlstm. State: MLSTMState."""

    def __init__(self, config: HeadedConfig, weights: Weights) -> None:
        super().__init__(config, weights, MLSTM)
