"""The architecture mlstm in torch: the matrix memory of xLSTM. Its decoder is in `numpy_mlstm`."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell_modern.blocks import CausalConv, HeadNorm, ModernLanguageModel, start_slow
from seqshell_modern.config import HeadedConfig
from seqshell_modern.scans import segment_sums

CHUNK = 64  # steps whose products are computed at once
LARGEST = 80.0  # logarithm of the largest bound of the normaliser; exp of more overflows


class MLSTMState(NamedTuple):
    """memory: C transposed, [B, L, N, P, P], keys first; normaliser: n [B, L, N, P]; both times exp(-stabiliser).

    stabiliser: m [B, L, N]. conv: the last inputs of the convolution, [B, L, K - 1, D].
    """

    memory: Tensor
    normaliser: Tensor
    stabiliser: Tensor
    conv: Tensor


class MLSTM(nn.Module):
    """mLSTM (Beck et al. 2024, https://arxiv.org/abs/2405.04517, equations 19 to 27), for each of N heads of size P:

        C_t = f_t C_{t-1} + i_t v_t k_t^T               n_t = f_t n_{t-1} + i_t k_t
        h_t = o_t * norm(C_t q_t / max(|n_t^T q_t|, 1))
        q_t = W_q y_t,  k_t = W_k y_t / sqrt(P),  v_t = W_v x_t,  y = silu(conv(x))
        i_t = exp(w_i y_t + b_i),  f_t = sigmoid(w_f y_t + b_f),  o_t = sigmoid(W_o x_t + b_o)

    In a form that cannot overflow (equation 15 and appendix A.3): C_t and n_t are divided by exp(m_t), with
    m_t = max(log f_t + m_{t-1}, log i_t), and 1 becomes exp(-m_t). Many steps are computed at once as in appendix A.3,
    in chunks, which the state joins. norm: RMSNorm of each head.

    Weights: conv.weight [D, 1, K] and conv.bias [D], query.weight, key.weight and value.weight [N P, D], gates.weight
    [2 N, D] and gates.bias [2 N] of i and f, output_gate.weight [N P, D] and output_gate.bias [N P], norm.weight [N P],
    output.weight [D, N P].
    """

    def __init__(self, config: HeadedConfig) -> None:
        super().__init__()
        size, inner = config.embed_size, config.inner_size
        self.shape = config.num_heads, config.head_size
        self.conv = CausalConv(size, config.conv_size)
        self.query, self.key, self.value = (nn.Linear(size, inner, bias=False) for _ in range(3))
        self.gates = nn.Linear(size, 2 * config.num_heads)
        self.output_gate = nn.Linear(size, inner)
        self.norm = HeadNorm(*self.shape)
        self.output = nn.Linear(inner, size, bias=False)
        start_slow(self.gates, config.num_heads)

    def initial_state(self, batch_size: int) -> MLSTMState:
        """Zeros of one layer."""
        heads, size = self.shape
        new = self.output.weight.new_zeros
        normaliser, stabiliser = new(batch_size, heads, size), new(batch_size, heads)
        return MLSTMState(
            new(batch_size, heads, size, size), normaliser, stabiliser, self.conv.initial_state(batch_size)
        )

    def forward(self, inputs: Tensor, state: MLSTMState) -> tuple[Tensor, MLSTMState]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state."""
        heads, size = self.shape
        seen, conv = self.conv(inputs, state.conv)
        seen = functional.silu(seen)
        parts = self.query(seen), self.key(seen) * size**-0.5, self.value(inputs)
        query, key, value = (each.to(state.memory.dtype).unflatten(-1, self.shape).transpose(1, 2) for each in parts)
        gates = self.gates(seen).to(state.memory.dtype).transpose(1, 2)  # [B, 2 N, T]
        log_input, log_forget = gates[:, :heads], functional.logsigmoid(gates[:, heads:])
        memory, outputs = (state.memory, state.normaliser, state.stabiliser), []
        for start in range(0, inputs.shape[1], CHUNK):
            steps = slice(start, start + CHUNK)
            hidden, memory = _read_chunk(
                query[:, :, steps], key[:, :, steps], value[:, :, steps],
                log_input[..., steps], log_forget[..., steps], *memory,
            )  # fmt: skip
            outputs.append(hidden)
        hidden = self.norm(torch.cat(outputs, 2).transpose(1, 2))  # [B, T, N P]
        return self.output(self.output_gate(inputs).sigmoid() * hidden), MLSTMState(*memory, conv)


def _read_chunk(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_input: Tensor,
    log_forget: Tensor,
    memory: Tensor,
    normaliser: Tensor,
    stabiliser: Tensor,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """query, key, value: [B, N, T, P]; log_input, log_forget: [B, N, T]. Returns outputs [B, N, T, P] and the state."""
    pairs = segment_sums(log_forget) + log_input[..., None, :]  # log of what is kept of step s, at step t
    carried = log_forget.cumsum(-1) + stabiliser[..., None]
    bound = torch.maximum(carried, pairs.amax(-1))  # m_t
    shares = (query @ key.transpose(-1, -2)) * (pairs - bound[..., None]).exp()
    carry = (carried - bound).exp()
    products = shares.sum(-1) + carry * (query @ normaliser[..., None])[..., 0]  # n_t^T q_t
    scale = torch.maximum(products.abs(), (-bound).clamp(max=LARGEST).exp())
    outputs = (shares @ value + carry[..., None] * (query @ memory)) / scale[..., None]
    weights = (pairs[..., -1, :] - bound[..., -1:]).exp()[..., None] * key
    last = carry[..., -1:]
    memory = last[..., None] * memory + weights.transpose(-1, -2) @ value
    return outputs, (memory, last * normaliser + weights.sum(-2), bound[..., -1])


class MLSTMLanguageModel(ModernLanguageModel):
    """A language model with mLSTM cells. State: MLSTMState."""

    def __init__(self, config: HeadedConfig) -> None:
        super().__init__(config, MLSTM)
