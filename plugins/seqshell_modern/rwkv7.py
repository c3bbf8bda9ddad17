"""The architecture rwkv7 in torch. Its decoder is in `numpy_rwkv7`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell.layers.modules import sequence_dropout
from seqshell_modern.blocks import ModernLanguageModel, layer_of, stacked
from seqshell_modern.config import RWKV7Config

CHUNK = 16  # steps whose products are computed at once; the decay of more leaves too little of float32
FASTEST = -math.exp(-0.5)  # the logarithm of the smallest share of the memory that a step keeps


class RWKV7State(NamedTuple):
    """memory: S [B, L, N, P, P], values first. shift, mlp_shift: the last inputs of cell and MLP, [B, L, D]."""

    memory: Tensor
    shift: Tensor
    mlp_shift: Tensor


class LowRank(nn.Module):
    """up(f(down(x))), with a bias if the result is one of a sigmoid."""

    def __init__(self, config: RWKV7Config, function: Callable[[Tensor], Tensor], *, has_bias: bool = True) -> None:
        super().__init__()
        self.function = function
        self.down = nn.Linear(config.embed_size, config.rank, bias=False)
        self.up = nn.Linear(config.rank, config.inner_size, bias=has_bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., D] to [..., N P]."""
        outputs: Tensor = self.up(self.function(self.down(inputs)))
        return outputs


class TimeMix(nn.Module):
    """The recurrent part of RWKV-7 (Peng et al. 2025, https://arxiv.org/abs/2503.14456, section 4), N heads of size P.

        x^j_t = x_t + (x_{t-1} - x_t) mix_j                              for j in r, w, k, v, a, g
        r_t = W_r x^r_t;  k_t = W_k x^k_t;  v_t = W_v x^v_t
        w_t = exp(-e^-0.5 sigmoid(decay(x^w_t)))         what is kept
        a_t = sigmoid(rate(x^a_t));  g_t = gate(x^g_t)   how fast is learnt
        v_t = v_t + (v^1_t - v_t) sigmoid(residual(x^v_t))               v^1: that of the first layer, which has no such
        c_t = k_t removed / |k_t removed|;  k_t = k_t (1 + (a_t - 1) replaced)
        S_t = S_{t-1} (diag(w_t) - c_t^T (a_t * c_t)) + v_t^T k_t
        output = W_o (g_t * (norm(S_t r_t) + (r_t * bonus * k_t) v_t))

    Vectors are rows. decay, rate, residual and gate are LowRank with tanh, nothing, nothing and sigmoid; norm is a
    LayerNorm of each head with the epsilon P 1e-5. A chunk of steps is one triangular system of equations, as a step
    takes from the memory what the steps before it have written.

    Weights: mix [6, D], receptance, key and value.weight [N P, D], output.weight [D, N P], removed, replaced and bonus
    [N P], norm.weight and norm.bias [N P]; of decay, rate, residual and gate: down.weight [R, D], up.weight [N P, R]
    and up.bias [N P], which gate has not.
    """

    def __init__(self, config: RWKV7Config, layer: int) -> None:
        super().__init__()
        size, inner = config.embed_size, config.inner_size
        self.shape = config.num_heads, config.head_size
        self.mix = nn.Parameter(torch.rand(6, size))
        self.receptance, self.key, self.value = (nn.Linear(size, inner, bias=False) for _ in range(3))
        self.output = nn.Linear(inner, size, bias=False)
        self.decay, self.rate = LowRank(config, torch.tanh), LowRank(config, _same)
        self.residual = LowRank(config, _same) if layer else None
        self.gate = LowRank(config, torch.sigmoid, has_bias=False)
        self.removed, self.replaced = nn.Parameter(torch.full((inner,), 0.85)), nn.Parameter(torch.ones(inner))
        self.bonus = nn.Parameter(torch.zeros(inner))
        self.norm = nn.GroupNorm(config.num_heads, inner, eps=config.head_size * 1e-5)
        with torch.no_grad():
            self.decay.up.bias.copy_(torch.linspace(-6, 1, inner))

    def initial_state(self, batch_size: int) -> RWKV7State:
        """Zeros of one layer."""
        (heads, size), new = self.shape, self.mix.new_zeros
        shift = new(batch_size, self.mix.shape[1])
        return RWKV7State(new(batch_size, heads, size, size), shift, shift)

    def forward(
        self, inputs: Tensor, memory: Tensor, shift: Tensor, first: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """inputs: [B, T, D]; first: the first layer's values. Returns outputs [B, T, D], memory, the first's values."""
        moved = _shifted(inputs, shift) - inputs
        of_r, of_w, of_k, of_v, of_a, of_g = (inputs + moved * mix for mix in self.mix)
        value, rate = self.value(of_v), self.rate(of_a).sigmoid()
        if self.residual is not None and first is not None:
            value = torch.lerp(value, first, self.residual(of_v).sigmoid())
        key = self.key(of_k)
        taken = functional.normalize((key * self.removed).unflatten(-1, self.shape), dim=-1).flatten(-2)
        key = key * (1 + (rate - 1) * self.replaced)
        receptance, log_kept = self.receptance(of_r), FASTEST * self.decay(of_w).sigmoid()
        parts = (log_kept, receptance, key, value, -taken, taken * rate)
        with torch.autocast(inputs.device.type, enabled=False):
            heads = [part.to(memory.dtype).unflatten(-1, self.shape).transpose(1, 2) for part in parts]  # [B, N, T, P]
            outputs = []
            for log_w, r, k, v, t, w in zip(*(torch.split(part, CHUNK, 2) for part in heads), strict=True):
                found, memory = _read_chunk(log_w, r, k, v, t, w, memory)
                outputs.append(found)
            read = torch.cat(outputs, 2).transpose(1, 2).flatten(2)  # [B, T, N P]
        passed = self.norm(read.flatten(0, 1)).view_as(read)
        bonus = (receptance * key * self.bonus).unflatten(-1, self.shape).sum(-1, keepdim=True)
        passed = passed + (bonus * value.unflatten(-1, self.shape)).flatten(-2)
        return self.output(passed * self.gate(of_g)), memory, value if first is None else first


def _read_chunk(
    log_kept: Tensor, receptance: Tensor, key: Tensor, value: Tensor, taken: Tensor, written: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    """S_t = S_{t-1} diag(w_t) + (S_{t-1} taken_t) written_t^T + value_t key_t^T for all t; the rest are [B, N, T, P].

    Returns S_t receptance_t [B, N, T, P] and the memory after the last step. With S_t = R_t diag(w_1 ... w_t), the
    decay moves into the vectors, and the products S_{t-1} taken_t solve a triangular system.
    """
    total = log_kept.cumsum(2)
    taken, receptance = taken * (total - log_kept).exp(), receptance * total.exp()
    written, key = written * (-total).exp(), key * (-total).exp()
    back = memory.transpose(-1, -2)
    among = (taken @ written.transpose(-1, -2)).tril(-1)
    known = taken @ back + (taken @ key.transpose(-1, -2)).tril(-1) @ value
    one = torch.eye(among.shape[-1], dtype=among.dtype, device=among.device)
    found = torch.linalg.solve_triangular(one - among, known, upper=False, unitriangular=True)  # S_{t-1} taken_t
    outputs = receptance @ back + (receptance @ written.transpose(-1, -2)).tril() @ found
    outputs = outputs + (receptance @ key.transpose(-1, -2)).tril() @ value
    after = memory + found.transpose(-1, -2) @ written + value.transpose(-1, -2) @ key
    return outputs, after * total[:, :, -1:].exp()


class ChannelMix(nn.Module):
    """The MLP of RWKV-7: W_v relu(W_k x')^2, with x'_t = x_t + (x_{t-1} - x_t) mix.

    Weights: mix [D], key.weight [M, D], value.weight [D, M].
    """

    def __init__(self, config: RWKV7Config) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.rand(config.embed_size))
        self.key = nn.Linear(config.embed_size, config.mlp_size, bias=False)
        self.value = nn.Linear(config.mlp_size, config.embed_size, bias=False)

    def forward(self, inputs: Tensor, shift: Tensor) -> Tensor:
        """inputs: [B, T, D]; shift: the input before them [B, D]. Returns [B, T, D]."""
        mixed = inputs + (_shifted(inputs, shift) - inputs) * self.mix
        outputs: Tensor = self.value(functional.relu(self.key(mixed)).square())
        return outputs


class RWKV7Block(nn.Module):
    """Time mix and channel mix; each reads the input through a LayerNorm, and its output is added to the input."""

    def __init__(self, config: RWKV7Config, layer: int) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.norm, self.mlp_norm = nn.LayerNorm(config.embed_size), nn.LayerNorm(config.embed_size)
        self.cell, self.mlp = TimeMix(config, layer), ChannelMix(config)

    def forward(self, inputs: Tensor, state: RWKV7State, first: Tensor | None) -> tuple[Tensor, RWKV7State, Tensor]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state, and the values of the first layer."""
        seen = self.norm(inputs).to(state.shift.dtype)
        added, memory, first = self.cell(seen, state.memory, state.shift, first)
        outputs = inputs + sequence_dropout(added, self.dropout, self.training, locked=False)
        normed = self.mlp_norm(outputs).to(state.shift.dtype)
        added = self.mlp(normed, state.mlp_shift)
        outputs = outputs + sequence_dropout(added, self.dropout, self.training, locked=False)
        return outputs, RWKV7State(memory, seen[:, -1], normed[:, -1]), first


class RWKV7LanguageModel(ModernLanguageModel):
    """A language model with RWKV-7 blocks and LayerNorms, also of the embeddings. State: RWKV7State."""

    def __init__(self, config: RWKV7Config) -> None:
        blocks = (RWKV7Block(config, layer) for layer in range(config.num_layers))
        super().__init__(config, blocks=blocks, norm=nn.LayerNorm)
        self.first_norm = nn.LayerNorm(config.embed_size)

    def hidden_states(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """tokens: [B, T] int64. Returns what the read-out sees [B, T, D], state."""
        hidden, first, finals = self.first_norm(self.embedding(tokens)), None, []
        for index, block in enumerate(self.blocks):
            hidden, final, first = block(hidden, layer_of(state, index), first)
            finals.append(final)
        return self.norm(hidden), stacked(finals)


def _shifted(inputs: Tensor, before: Tensor) -> Tensor:
    """The input of the step before, for each step."""
    return torch.cat((before[:, None], inputs[:, :-1]), 1)


def _same(value: Tensor) -> Tensor:
    return value
