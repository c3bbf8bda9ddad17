"""The decoder of mamba2 in numpy; its equations are in `mamba2`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.layers import read_linear, take
from seqshell.layers.weights import Floats, Weights
from seqshell_modern.config import Mamba2Config
from seqshell_modern.numpy_blocks import CausalConv, ModernDecoder, RMSNorm, silu, softplus


class Mamba2State(NamedTuple):
    """memory: S [B, L, N, P, Z]. conv: the last inputs of the convolution, [B, L, K - 1, N P + 2 G Z]."""

    memory: NDArray[Any]
    conv: NDArray[Any]


class Mamba2:
    """The block of Mamba-2. The gate `forget` is exp(d_t A) of each head, the share that a step keeps."""

    def __init__(self, config: Mamba2Config, weights: Weights, prefix: str) -> None:
        heads, self.config = config.num_heads, config
        inner, channels = config.inner_size, config.conv_channels
        self.input = read_linear(
            weights, prefix + "input.", config.embed_size, inner + channels + heads, has_bias=False
        )
        self.conv = CausalConv(weights, prefix + "conv.", channels, config.conv_size)
        self.decay = -np.exp(take(weights, prefix + "decay", heads))
        self.skip = take(weights, prefix + "skip", heads)[:, None]
        self.step_bias = take(weights, prefix + "step_bias", heads)
        self.norm = RMSNorm(take(weights, prefix + "norm.weight", inner))
        self.output = read_linear(weights, prefix + "output.", inner, config.embed_size, has_bias=False)

    def initial_state(self, batch_size: int) -> Mamba2State:
        """Zeros of one layer."""
        config = self.config
        memory = np.zeros((batch_size, config.num_heads, config.head_size, config.state_size), np.float32)
        return Mamba2State(memory, self.conv.initial_state(batch_size))

    def read(self, inputs: Floats, state: Mamba2State) -> tuple[Floats, Mamba2State, dict[str, Floats]]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state, gates [B, T, N]."""
        config, shape = self.config, inputs.shape[:2]
        heads, groups, inner = config.num_heads, config.num_groups, config.inner_size
        products = self.input(inputs)
        mixed, conv = self.conv(products[..., inner:-heads], state.conv)
        values, write, read = np.split(silu(mixed), (inner, inner + groups * config.state_size), -1)
        values = values.reshape(*shape, heads, -1)
        write, read = (np.repeat(part.reshape(*shape, groups, -1), heads // groups, axis=2) for part in (write, read))
        sizes = softplus(products[..., -heads:] + self.step_bias)
        kept: Floats = np.exp(sizes * self.decay)
        added = values * sizes[..., None]
        memory, outputs = state.memory, np.empty_like(values)
        for step in range(shape[1]):
            memory = kept[:, step, :, None, None] * memory + added[:, step, ..., None] * write[:, step, :, None]
            outputs[:, step] = (memory @ read[:, step, ..., None])[..., 0]
        outputs += self.skip * values
        passed = self.norm(outputs.reshape(*shape, inner) * silu(products[..., :inner]))
        return self.output(passed), Mamba2State(memory, conv), {"forget": kept}


class Mamba2Decoder(ModernDecoder):
    """Steps a mamba2. State: Mamba2State."""

    def __init__(self, config: Mamba2Config, weights: Weights) -> None:
        super().__init__(config, weights, Mamba2)
