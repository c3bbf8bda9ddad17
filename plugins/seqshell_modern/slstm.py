"""The architecture slstm in torch: the scalar memory of xLSTM. Its decoder is in `numpy_slstm`."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell_modern.blocks import CausalConv, HeadNorm, ModernLanguageModel, start_slow
from seqshell_modern.config import HeadedConfig


class SLSTMState(NamedTuple):
    """hidden: h [B, L, N P]; cell: c and normaliser: n, both times exp(-stabiliser); stabiliser: m, -inf at first.

    conv: the last inputs of the convolution, [B, L, K - 1, D].
    """

    hidden: Tensor
    cell: Tensor
    normaliser: Tensor
    stabiliser: Tensor
    conv: Tensor


class SLSTM(nn.Module):
    """sLSTM (Beck et al. 2024, https://arxiv.org/abs/2405.04517, equations 8 to 17):

        c_t = f_t c_{t-1} + i_t z_t       n_t = f_t n_{t-1} + i_t       h_t = o_t c_t / n_t
        z_t = tanh(W_z x_t + R_z h_{t-1} + b_z)           o_t = sigmoid(W_o x_t + R_o h_{t-1} + b_o)
        i_t = exp(W_i y_t + R_i h_{t-1} + b_i)            f_t = sigmoid(W_f y_t + R_f h_{t-1} + b_f)
        y = silu(conv(x))

    c_t and n_t are divided by exp(m_t), with m_t = max(log f_t + m_{t-1}, log i_t), so that nothing overflows. The R
    are block-diagonal: each of N heads of size P sees its own part of h_{t-1}. The gates see h_{t-1}, so there is no
    form that is parallel over time. What is added to the input is W norm(h_t), with an RMSNorm of each head.

    Weights: conv.weight [D, 1, K] and conv.bias [D], gates.weight (W_i, W_f) and inputs.weight (W_z, W_o) [2 N P, D],
    gates.bias and inputs.bias [2 N P], recurrent (R) [4, N, P, P] in the order i, f, z, o, norm.weight [N P],
    output.weight [D, N P].
    """

    def __init__(self, config: HeadedConfig) -> None:
        super().__init__()
        size, inner = config.embed_size, config.inner_size
        self.shape = config.num_heads, config.head_size
        self.conv = CausalConv(size, config.conv_size)
        self.gates = nn.Linear(size, 2 * inner)
        self.inputs = nn.Linear(size, 2 * inner)
        bound = config.head_size**-0.5
        self.recurrent = nn.Parameter(torch.empty(4, *self.shape, config.head_size).uniform_(-bound, bound))
        self.norm = HeadNorm(*self.shape)
        self.output = nn.Linear(inner, size, bias=False)
        start_slow(self.gates, inner)

    def initial_state(self, batch_size: int) -> SLSTMState:
        """Zeros of one layer, and a stabiliser of -inf."""
        zeros = self.output.weight.new_zeros(batch_size, self.output.in_features)
        return SLSTMState(zeros, zeros, zeros, torch.full_like(zeros, -torch.inf), self.conv.initial_state(batch_size))

    def forward(self, inputs: Tensor, state: SLSTMState) -> tuple[Tensor, SLSTMState]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state."""
        seen, conv = self.conv(inputs, state.conv)
        products = torch.cat((self.gates(functional.silu(seen)), self.inputs(inputs)), -1).to(state.hidden.dtype)
        hidden, cell, normaliser, bound, _ = state
        recurrent = self.recurrent.permute(1, 3, 0, 2).flatten(2).to(state.hidden.dtype)  # [N, P, 4 P]
        heads, size = self.shape
        # From [..., 4, N, P] to [N, ..., 4 P], so that the heads are the batch of one product.
        by_head = (
            products.reshape(*products.shape[:2], 4, heads, size).permute(1, 3, 0, 2, 4).flatten(3)
        )  # [T, N, B, 4 P]
        parts = [each.reshape(len(each), heads, size).transpose(0, 1) for each in (hidden, cell, normaliser, bound)]
        hidden, cell, normaliser, bound = parts  # [N, B, P]
        outputs = []
        for product in by_head:
            log_input, forget, new, out = torch.baddbmm(product, hidden, recurrent).chunk(4, -1)
            carried = functional.logsigmoid(forget) + bound
            bound = torch.maximum(carried, log_input)
            kept, added = (carried - bound).exp(), (log_input - bound).exp()
            cell = torch.addcmul(kept * cell, added, new.tanh())
            normaliser = torch.addcmul(added, kept, normaliser)
            hidden = out.sigmoid() * cell / normaliser
            outputs.append(hidden)
        passed = self.norm(torch.stack(outputs).permute(2, 0, 1, 3))  # [B, T, N P]
        hidden, cell, normaliser, bound = (
            each.transpose(0, 1).flatten(1) for each in (hidden, cell, normaliser, bound)
        )
        return self.output(passed), SLSTMState(hidden, cell, normaliser, bound, conv)


class SLSTMLanguageModel(ModernLanguageModel):
    """A language model with sLSTM cells. State: SLSTMState."""

    def __init__(self, config: HeadedConfig) -> None:
        super().__init__(config, SLSTM)
