"""The decoders of mingru and minlstm in numpy; their equations are in `min_cells`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.layers import read_linear
from seqshell.layers.weights import Floats, Weights
from seqshell_modern.config import MinimalConfig
from seqshell_modern.numpy_blocks import HALF, ONE, CausalConv, ModernDecoder, sigmoid


class MinimalState(NamedTuple):
    """hidden: [B, L, H]. conv: the last inputs of the convolution, [B, L, K - 1, D]."""

    hidden: NDArray[Any]
    conv: NDArray[Any]


class MinimalCell(ABC):
    """Base class of the two cells: a convolution, the recurrence, and a linear layer back to D."""

    num_gates = 0

    def __init__(self, config: MinimalConfig, weights: Weights, prefix: str) -> None:
        size, self.hidden_size = config.embed_size, config.hidden_size
        self.conv = CausalConv(weights, prefix + "conv.", size, config.conv_size)
        self.gates = read_linear(weights, prefix + "gates.", size, self.num_gates * self.hidden_size)
        self.output = read_linear(weights, prefix + "output.", self.hidden_size, size, has_bias=False)

    def initial_state(self, batch_size: int) -> MinimalState:
        """Zeros of one layer."""
        return MinimalState(np.zeros((batch_size, self.hidden_size), np.float32), self.conv.initial_state(batch_size))

    def read(self, inputs: Floats, state: MinimalState) -> tuple[Floats, MinimalState, dict[str, Floats]]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state, gates [B, T, H]."""
        seen, conv = self.conv(inputs, state.conv)
        kept, added, named = self.steps(np.split(self.gates(seen), self.num_gates, -1))
        hidden, outputs = state.hidden, np.empty_like(kept)
        for step in range(kept.shape[1]):
            hidden = outputs[:, step] = kept[:, step] * hidden + added[:, step]
        return self.output(outputs), MinimalState(hidden, conv), named

    @abstractmethod
    def steps(self, gates: list[Floats]) -> tuple[Floats, Floats, dict[str, Floats]]:
        """What each step keeps of the hidden state and what it adds, and the gates by name, from the gates before their
        nonlinearities; all [B, T, H].
        """


class MinGRU(MinimalCell):
    """h_t = (1 - z_t) h_{t-1} + z_t c_t. The gate `update` is 1 - z_t, the share that a step keeps, as in a GRU."""

    num_gates = 2

    def steps(self, gates: list[Floats]) -> tuple[Floats, Floats, dict[str, Floats]]:
        new, candidate = sigmoid(gates[0]), positive(gates[1])
        kept = ONE - new
        return kept, new * candidate, {"update": kept, "candidate": candidate}


class MinLSTM(MinimalCell):
    """h_t = f_t / (f_t + i_t) h_{t-1} + i_t / (f_t + i_t) c_t. The gates `forget` and `input` are these quotients."""

    num_gates = 3

    def steps(self, gates: list[Floats]) -> tuple[Floats, Floats, dict[str, Floats]]:
        log_ratio = np.logaddexp(np.float32(0), -gates[0]) - np.logaddexp(np.float32(0), -gates[1])  # log(i / f)
        added, candidate = sigmoid(log_ratio), positive(gates[2])
        kept = sigmoid(-log_ratio)
        return kept, added * candidate, {"forget": kept, "input": added, "candidate": candidate}


def positive(value: Floats) -> Floats:
    """g(x): x + 0.5 if x >= 0, else sigmoid(x)."""
    return np.where(value >= 0, value + HALF, sigmoid(value))


class MinGRUDecoder(ModernDecoder):
    """Steps a mingru. State: MinimalState."""

    def __init__(self, config: MinimalConfig, weights: Weights) -> None:
        super().__init__(config, weights, MinGRU)


class MinLSTMDecoder(ModernDecoder):
    """Steps a minlstm. State: MinimalState."""

    def __init__(self, config: MinimalConfig, weights: Weights) -> None:
        super().__init__(config, weights, MinLSTM)
