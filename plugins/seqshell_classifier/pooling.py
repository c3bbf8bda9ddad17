"""Pooling in torch: from the hidden states of a text to the one vector that the read-out reads, after every token or at the end.

Each kind has three methods. M is the size of a hidden state, twice H where two directions stand beside each other.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from seqshell import State
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import BOUND, NOTHING, AttendedSoFar, MeanSoFar


class Pool(Protocol):
    """One kind of pooling; an nn.Module."""

    def initial_state(self, zeros: Tensor) -> State:
        """zeros: [B, M]. Returns the state before any token."""

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        """hidden: [B, T, M]. Returns what is pooled after each token, [B, T, M], state."""

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """hidden: [B, T, M] of two directions; mask: [B, T], True at tokens, of which each row has one. Returns [B, M]."""


class Last(nn.Module):
    """The hidden state after the last token; of the direction that reads from the end, that after the first."""

    def initial_state(self, zeros: Tensor) -> State:
        return ()

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        return hidden, state

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        ahead, back = hidden.chunk(2, -1)
        rows = torch.arange(len(hidden), device=hidden.device)
        return torch.cat((ahead[rows, mask.sum(1) - 1], back[:, 0]), -1)


class Mean(nn.Module):
    """The mean over time."""

    def initial_state(self, zeros: Tensor) -> State:
        return MeanSoFar(zeros, zeros.new_zeros((len(zeros), 1), dtype=torch.int64))

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        counts = state.count + torch.arange(1, hidden.shape[1] + 1, device=hidden.device)  # [B, T]
        means = (hidden.cumsum(1) + (state.mean * state.count).unsqueeze(1)) / counts.unsqueeze(-1)
        return means, MeanSoFar(means[:, -1], counts[:, -1:])

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        return (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)


class Max(nn.Module):
    """The largest of each element over time (Collobert et al. 2011, https://www.jmlr.org/papers/v12/collobert11a.html, section 3.3.2)."""

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor

    def initial_state(self, zeros: Tensor) -> State:
        return torch.full_like(zeros, self.floor)

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        largest = torch.cat((state.unsqueeze(1), hidden), 1).cummax(1)[0][:, 1:]
        return largest, largest[:, -1]

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        return hidden.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(1)


class Attention(nn.Module):
    """The mean with the weights softmax over time of v . tanh(h), v being learned (Zhou et al. 2016, https://aclanthology.org/P16-2034,
    without the tanh of the mean)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))

    def initial_state(self, zeros: Tensor) -> State:
        return AttendedSoFar(zeros, zeros.new_full((len(zeros), 1), NOTHING))

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        scores = self._scores(hidden)
        peak = torch.maximum(
            state.log_total, scores.amax(1, keepdim=True)
        ).detach()  # [B, 1]; no exponential is above 1
        weights, before = (scores - peak).exp(), (state.log_total - peak).exp()
        totals = before + weights.cumsum(1)  # [B, T]
        sums = (before * state.mean).unsqueeze(1) + (weights.unsqueeze(-1) * hidden).cumsum(1)
        means = sums / totals.unsqueeze(-1)
        return means, AttendedSoFar(means[:, -1], peak + totals[:, -1:].log())

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        weights = self._scores(hidden).masked_fill(~mask, float("-inf")).softmax(1)  # [B, T]
        return (weights.unsqueeze(1) @ hidden).squeeze(1)

    def _scores(self, hidden: Tensor) -> Tensor:
        """[B, T]."""
        return (torch.tanh(hidden) @ self.vector).float().clamp(-BOUND, BOUND)


def make_pool(kind: str, config: ClassifierConfig, size: int) -> nn.Module:
    """A Pool over hidden states of `size` elements."""
    if kind == "max":
        return Max(config.floor)
    return Attention(size) if kind == "attention" else Mean() if kind == "mean" else Last()
