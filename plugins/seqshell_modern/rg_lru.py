"""The architecture rg_lru in torch: the recurrent blocks of Griffin. Its decoder is in `numpy_rg_lru`."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell_modern.blocks import CausalConv, ModernLanguageModel
from seqshell_modern.config import RGLRUConfig
from seqshell_modern.scans import linear_scan

SHARPNESS = 8.0  # c in the paper
LEAST = 1e-8  # of 1 - a_t^2, whose root has no gradient at 0
SLOWEST, FASTEST = 0.999, 0.9  # a^c of a new model


class RGLRUState(NamedTuple):
    """hidden: [B, L, H]. conv: the last inputs of the convolution, [B, L, K - 1, H]."""

    hidden: Tensor
    conv: Tensor


class RGLRU(nn.Module):
    """The recurrent block with the real-gated linear recurrent unit (De et al. 2024, https://arxiv.org/abs/2402.19427).

    Section 2.4, with y_t the input of the unit:

        r_t = sigmoid(W_a y_t + b_a)            how much is forgotten
        i_t = sigmoid(W_x y_t + b_x)
        a_t = a^(c r_t),  a = sigmoid(decay),  c = 8
        h_t = a_t h_{t-1} + sqrt(1 - a_t^2) (i_t y_t)

    Section 2.3, the block around it:  y = conv(W_in x);  output = W_out (h * gelu(W_gate x)).

    The paper's W_a and W_x are block-diagonal, for hardware with several devices; here, they are full.

    Weights: input.weight (W_in) and gate.weight (W_gate) [H, D], conv.weight [H, 1, K] and conv.bias [H], gates.weight
    [2 H, H] and gates.bias [2 H] of r and i, decay [H], output.weight [D, H].
    """

    def __init__(self, config: RGLRUConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.input = nn.Linear(config.embed_size, size, bias=False)
        self.gate = nn.Linear(config.embed_size, size, bias=False)
        self.conv = CausalConv(size, config.conv_size)
        self.gates = nn.Linear(size, 2 * size)
        kept = torch.empty(size).uniform_(FASTEST, SLOWEST) ** (1 / SHARPNESS)
        self.decay = nn.Parameter(torch.logit(kept))
        self.output = nn.Linear(size, config.embed_size, bias=False)

    def initial_state(self, batch_size: int) -> RGLRUState:
        """Zeros of one layer."""
        return RGLRUState(self.decay.new_zeros(batch_size, len(self.decay)), self.conv.initial_state(batch_size))

    def forward(self, inputs: Tensor, state: RGLRUState) -> tuple[Tensor, RGLRUState]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state."""
        seen, conv = self.conv(self.input(inputs), state.conv)
        forget, add = self.gates(seen).to(state.hidden.dtype).sigmoid().chunk(2, -1)
        log_kept = SHARPNESS * functional.logsigmoid(self.decay) * forget
        scale = (-torch.expm1(2 * log_kept)).clamp(min=LEAST).sqrt()
        hidden = linear_scan(log_kept.exp(), scale * add * seen, state.hidden)
        outputs = self.output(hidden * functional.gelu(self.gate(inputs), approximate="tanh"))
        return outputs, RGLRUState(hidden[:, -1], conv)


class RGLRULanguageModel(ModernLanguageModel):
    """A language model with RG-LRU cells. State: RGLRUState."""

    def __init__(self, config: RGLRUConfig) -> None:
        super().__init__(config, RGLRU)
