"""The architecture mamba2 in torch: a selective state space model. Its decoder is in `numpy_mamba2`."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell_modern.blocks import CausalConv, ModernLanguageModel, RMSNorm
from seqshell_modern.config import Mamba2Config
from seqshell_modern.scans import segment_sums

CHUNK = 64  # steps whose products are computed at once
FASTEST = 16.0  # the largest -A of a new model; the smallest is 1
SHORTEST, LONGEST = 1e-3, 0.1  # step sizes of a new model


class Mamba2State(NamedTuple):
    """memory: S [B, L, N, P, Z]. conv: the last inputs of the convolution, [B, L, K - 1, N P + 2 G Z]."""

    memory: Tensor
    conv: Tensor


class Mamba2(nn.Module):
    """The block of Mamba-2 (Dao & Gu 2024, https://arxiv.org/abs/2405.21060, sections 6 and 7).

    For each of N heads of size P, with a state of P x Z; G groups of heads share B and C:

        S_t = exp(d_t A) S_{t-1} + d_t x_t B_t^T          A = -exp(decay), a number for each head
        y_t = S_t C_t + D x_t                             D: skip
        d_t = softplus(dt_t + step_bias)
        z, xBC, dt = W_in u;  x, B, C = silu(conv(xBC));  output = W_out RMSNorm(y * silu(z))

    Many steps are computed at once as in section 6: products within a chunk, and the state between chunks.

    Weights: input.weight (W_in) [2 N P + 2 G Z + N, D], conv.weight [N P + 2 G Z, 1, K] and conv.bias, decay, skip and
    step_bias [N], norm.weight [N P], output.weight (W_out) [D, N P].
    """

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        heads, self.config = config.num_heads, config
        inner, channels = config.inner_size, config.conv_channels
        self.input = nn.Linear(config.embed_size, inner + channels + heads, bias=False)
        self.conv = CausalConv(channels, config.conv_size)
        self.decay = nn.Parameter(torch.empty(heads).uniform_(1, FASTEST).log())
        self.skip = nn.Parameter(torch.ones(heads))
        sizes = torch.empty(heads).uniform_(math.log(SHORTEST), math.log(LONGEST)).exp()
        self.step_bias = nn.Parameter(sizes.expm1().log())  # softplus gives them again
        self.norm = RMSNorm(inner)
        self.output = nn.Linear(inner, config.embed_size, bias=False)

    def initial_state(self, batch_size: int) -> Mamba2State:
        """Zeros of one layer."""
        config = self.config
        memory = self.decay.new_zeros(batch_size, config.num_heads, config.head_size, config.state_size)
        return Mamba2State(memory, self.conv.initial_state(batch_size))

    def forward(self, inputs: Tensor, state: Mamba2State) -> tuple[Tensor, Mamba2State]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state."""
        config, kind = self.config, state.memory.dtype
        heads, groups, inner, channels = config.num_heads, config.num_groups, config.inner_size, config.conv_channels
        gate, mixed, sizes = torch.split(self.input(inputs), [inner, channels, heads], -1)
        mixed, conv = self.conv(mixed, state.conv)
        parts = torch.split(functional.silu(mixed).to(kind), [inner, *2 * [groups * config.state_size]], -1)
        values, write, read = (
            part.reshape(*part.shape[:2], number, -1).transpose(1, 2)
            for part, number in zip(parts, (heads, groups, groups), strict=True)
        )  # [B, N, T, P], [B, G, T, Z], [B, G, T, Z]
        write, read = (part.repeat_interleave(heads // groups, 1) for part in (write, read))
        sizes = functional.softplus(sizes.to(kind) + self.step_bias).transpose(1, 2)  # [B, N, T]
        log_kept, added = sizes * -self.decay.exp()[:, None], values * sizes[..., None]
        memory, outputs = state.memory, []
        for start in range(0, inputs.shape[1], CHUNK):
            steps = slice(start, start + CHUNK)
            found, memory = _read_chunk(
                log_kept[..., steps], added[:, :, steps], write[:, :, steps], read[:, :, steps], memory
            )
            outputs.append(found)
        passed = torch.cat(outputs, 2) + self.skip[:, None, None] * values
        passed = passed.transpose(1, 2).flatten(2) * functional.silu(gate)
        return self.output(self.norm(passed)), Mamba2State(memory, conv)


def _read_chunk(log_kept: Tensor, added: Tensor, write: Tensor, read: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """log_kept: [B, N, T]; added: d_t x_t [B, N, T, P]; write, read: B_t and C_t [B, N, T, Z].

    Returns S_t C_t [B, N, T, P] and the memory after the last step.
    """
    kept = log_kept.cumsum(-1).exp()  # what the steps 1 to t keep of the memory
    pairs = segment_sums(log_kept).exp()  # what is kept of step s, at step t
    outputs = (read @ write.transpose(-1, -2) * pairs) @ added
    outputs = outputs + kept[..., None] * (read @ memory.transpose(-1, -2))
    weights = pairs[..., -1, :, None] * write
    return outputs, kept[..., -1:, None] * memory + added.transpose(-1, -2) @ weights


class Mamba2LanguageModel(ModernLanguageModel):
    """A language model with Mamba-2 blocks. State: Mamba2State."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__(config, Mamba2)
