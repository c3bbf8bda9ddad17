"""What the modern language models have in common, in torch: embedding, residual blocks, read-out.

    x = embedding(tokens)
    x = x + cell(norm(x));  x = x + mlp(norm(x))        in each block
    logits = readout(norm(x))

B: batch, T: time, D: embed_size, L: num_layers, V: vocab_size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional, init

from seqshell.layers.modules import Readout, sequence_dropout
from seqshell_modern.config import BlockConfig

S = TypeVar("S", bound=tuple[Any, ...])
Cell = Callable[..., tuple[Tensor, Any]]
EPSILON = 1e-5  # of the norms


class RMSNorm(nn.RMSNorm):
    """x / sqrt(mean(x^2) + 1e-5) * weight (Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467)."""

    def __init__(self, size: int) -> None:
        super().__init__(size, eps=EPSILON)


class HeadNorm(nn.Module):
    """RMSNorm of each of N heads of size P. Weights: weight [N P]."""

    def __init__(self, num_heads: int, head_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_heads * head_size))

    def forward(self, heads: Tensor) -> Tensor:
        """[..., N, P] to [..., N P]."""
        return functional.rms_norm(heads, heads.shape[-1:], eps=EPSILON).flatten(-2) * self.weight


def start_slow(gates: nn.Linear, number: int) -> None:
    """Let a new model's last `number` gates, which forget, keep much of the state, each for another time.

    Their biases are 3 to 6, and those of the other gates 0 (Beck et al. 2024, appendix D.2).
    """
    with torch.no_grad():
        gates.weight.mul_(0.1)
        gates.bias.zero_()
        gates.bias[-number:] = torch.linspace(3, 6, number)


class CausalConv(nn.Module):
    """A convolution over the last K steps, for each channel alone. Weights: weight [C, 1, K] and bias [C], as torch's.

    State: the last K - 1 inputs [B, K - 1, C].
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        bound = size**-0.5
        self.weight = nn.Parameter(torch.empty(channels, 1, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(channels))

    def initial_state(self, batch_size: int) -> Tensor:
        """[batch_size, K - 1, C] zeros."""
        channels, _, size = self.weight.shape
        return self.weight.new_zeros(batch_size, size - 1, channels)

    def forward(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """inputs: [B, T, C]. Returns outputs [B, T, C], state."""
        size, steps = self.weight.shape[2], inputs.shape[1]
        seen = torch.cat((state, inputs.to(state.dtype)), 1)  # [B, K - 1 + T, C]
        outputs = self.bias.expand(seen.shape[0], steps, -1)
        for place in range(size):
            outputs = torch.addcmul(outputs, seen[:, place : place + steps], self.weight[:, 0, place])
        return outputs, seen[:, steps:]


class GatedMLP(nn.Module):
    """down(gelu(gate(x)) * up(x)) (GeGLU, Shazeer 2020, https://arxiv.org/abs/2002.05202)."""

    def __init__(self, size: int, hidden_size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(size, hidden_size, bias=False)
        self.up = nn.Linear(size, hidden_size, bias=False)
        self.down = nn.Linear(hidden_size, size, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., D] to [..., D]."""
        outputs: Tensor = self.down(functional.gelu(self.gate(inputs), approximate="tanh") * self.up(inputs))
        return outputs


class Block(nn.Module):
    """A cell and an MLP; each reads the normalised input, and its output is added to the input.

    Weights: norm.weight [D], those of the cell below `cell.`, and with an MLP mlp_norm.weight [D] and `mlp.`.
    """

    def __init__(self, config: BlockConfig, cell: nn.Module) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.norm = RMSNorm(config.embed_size)
        self.cell = cell
        if config.mlp_size:
            self.mlp_norm = RMSNorm(config.embed_size)
            self.mlp = GatedMLP(config.embed_size, config.mlp_size)
        self.has_mlp = config.mlp_size > 0

    def forward(self, inputs: Tensor, state: S) -> tuple[Tensor, S]:
        """inputs: [B, T, D]; state: of one layer, leaves [B, ...]. Returns outputs [B, T, D], state."""
        added, state = self.cell(self.norm(inputs), state)
        outputs = inputs + sequence_dropout(added, self.dropout, self.training, locked=False)
        if self.has_mlp:
            added = self.mlp(self.mlp_norm(outputs))
            outputs = outputs + sequence_dropout(added, self.dropout, self.training, locked=False)
        return outputs, state


class ModernLanguageModel(nn.Module):
    """Base class of the language models.

    Weights: embedding.weight [V, D], blocks.{layer}. as Block has them, norm.weight [D], readout.weight [V, D] (unless
    tied) and readout.bias [V]. State: that of the cell, whose leaves get an axis for the layers after the batch.
    """

    def __init__(
        self,
        config: BlockConfig,
        cell: Callable[[Any], nn.Module] | None = None,
        *,
        blocks: Iterable[nn.Module] = (),
        norm: Callable[[int], nn.Module] = RMSNorm,
    ) -> None:
        """cell: makes the cell of each Block. blocks: for an architecture whose blocks are others."""
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.embed_size)
        if cell is not None:
            blocks = (Block(config, cell(config)) for _ in range(config.num_layers))
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm(config.embed_size)
        self.readout = Readout(config.embed_size, config.vocab_size, tied=config.tied)
        if config.tied:  # with torch's initial embedding of unit variance, the first logits would be of size sqrt(D)
            init.normal_(self.embedding.weight, std=config.embed_size**-0.5)

    def initial_state(self, batch_size: int = 1) -> Any:
        """The state of the cell before the first token, with leaves [batch_size, L, ...]."""
        return stacked([cast(Any, block).cell.initial_state(batch_size) for block in self.blocks])

    def forward(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """tokens: [B, T] int64. Returns logits [B, T, V], state."""
        hidden, state = self.hidden_states(tokens, state)
        return self.logits(hidden), state

    def hidden_states(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """tokens: [B, T] int64. Returns what the read-out sees [B, T, D], state."""
        hidden, finals = self.embedding(tokens), []
        for index, block in enumerate(self.blocks):
            hidden, final = block(hidden, layer_of(state, index))
            finals.append(final)
        return self.norm(hidden), stacked(finals)

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden: [..., D]. Returns [..., V]."""
        logits: Tensor = self.readout(hidden, self.embedding.weight if self.config.tied else None)
        return logits

    def logit_weights(self) -> tuple[Tensor, Tensor]:
        """The matrix [V, D] and the biases [V] of the logits, so that training can compute them with their loss."""
        weight = self.embedding.weight if self.config.tied else self.readout.weight
        return cast(Tensor, weight), self.readout.bias


def stacked(states: Sequence[S]) -> S:
    """The states of the layers, with leaves [B, ...], as one with leaves [B, L, ...]."""
    kind = cast(Any, type(states[0]))
    return cast(S, kind(*(torch.stack(leaves, 1) for leaves in zip(*states, strict=True))))


def layer_of(state: S, index: int) -> S:
    """The state of one layer."""
    return cast(S, cast(Any, type(state))(*(leaf[:, index] for leaf in cast(Iterable[Tensor], state))))
