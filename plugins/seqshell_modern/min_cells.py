"""The architectures mingru and minlstm in torch (Feng et al. 2024, https://arxiv.org/abs/2410.01201).

Their gates depend on the input alone, so that a scan computes all steps at once. Their decoders are in
`numpy_min_cells`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell_modern.blocks import CausalConv, ModernLanguageModel
from seqshell_modern.config import MinimalConfig
from seqshell_modern.scans import log_scan


class MinimalState(NamedTuple):
    """hidden: [B, L, H]. conv: the last inputs of the convolution, [B, L, K - 1, D]."""

    hidden: Tensor
    conv: Tensor


class MinimalCell(nn.Module, ABC):
    """Base class of the two cells: a convolution, the recurrence, and a linear layer back to D.

    Weights: conv.weight [D, 1, K] and conv.bias [D], gates.weight [G H, D] and gates.bias [G H] of G gates and the
    candidate, output.weight [D, H].
    """

    def __init__(self, config: MinimalConfig, num_gates: int) -> None:
        super().__init__()
        self.conv = CausalConv(config.embed_size, config.conv_size)
        self.gates = nn.Linear(config.embed_size, num_gates * config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.embed_size, bias=False)
        self.num_gates, self.hidden_size = num_gates, config.hidden_size

    def initial_state(self, batch_size: int) -> MinimalState:
        """Zeros of one layer."""
        hidden = self.output.weight.new_zeros(batch_size, self.hidden_size)
        return MinimalState(hidden, self.conv.initial_state(batch_size))

    def forward(self, inputs: Tensor, state: MinimalState) -> tuple[Tensor, MinimalState]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state."""
        seen, conv = self.conv(inputs, state.conv)
        log_factors, log_terms = self.log_steps(*self.gates(seen).to(state.hidden.dtype).chunk(self.num_gates, -1))
        hidden = log_scan(log_factors, log_terms, state.hidden)
        return self.output(hidden), MinimalState(hidden[:, -1], conv)

    @abstractmethod
    def log_steps(self, *gates: Tensor) -> tuple[Tensor, Tensor]:
        """The logarithms of what each step keeps of the hidden state and of what it adds, from the gates before their
        nonlinearities; all [B, T, H].
        """


class MinGRU(MinimalCell):
    """minGRU, https://arxiv.org/abs/2410.01201, section 3.1, and appendix B.2 for its form in log space.

        z_t = sigmoid(W_z x_t + b_z)
        c_t = g(W_h x_t + b_h)            g(x) = x + 0.5 if x >= 0, else sigmoid(x); g is positive
        h_t = (1 - z_t) h_{t-1} + z_t c_t

    gates: z and the candidate c, in this order.
    """

    def __init__(self, config: MinimalConfig) -> None:
        super().__init__(config, 2)

    def log_steps(self, *gates: Tensor) -> tuple[Tensor, Tensor]:
        update, candidate = gates
        return -functional.softplus(update), log_positive(candidate) - functional.softplus(-update)


class MinLSTM(MinimalCell):
    """minLSTM, https://arxiv.org/abs/2410.01201, section 3.2, and appendix B.2 for its form in log space.

        f_t = sigmoid(W_f x_t + b_f)
        i_t = sigmoid(W_i x_t + b_i)
        c_t = g(W_h x_t + b_h)                                       g as in minGRU
        h_t = f_t / (f_t + i_t) h_{t-1} + i_t / (f_t + i_t) c_t

    gates: f, i and the candidate c, in this order.
    """

    def __init__(self, config: MinimalConfig) -> None:
        super().__init__(config, 3)

    def log_steps(self, *gates: Tensor) -> tuple[Tensor, Tensor]:
        forget, add, candidate = gates
        ratio = functional.softplus(-forget) - functional.softplus(-add)  # log(i / f)
        return -functional.softplus(ratio), log_positive(candidate) - functional.softplus(-ratio)


def log_positive(value: Tensor) -> Tensor:
    """log g(x): log(x + 0.5) if x >= 0, else log(sigmoid(x))."""
    return torch.where(value >= 0, (functional.relu(value) + 0.5).log(), -functional.softplus(-value))


class MinGRULanguageModel(ModernLanguageModel):
    """A language model with minGRU cells. State: MinimalState."""

    def __init__(self, config: MinimalConfig) -> None:
        super().__init__(config, MinGRU)


class MinLSTMLanguageModel(ModernLanguageModel):
    """A language model with minLSTM cells. State: MinimalState."""

    def __init__(self, config: MinimalConfig) -> None:
        super().__init__(config, MinLSTM)
