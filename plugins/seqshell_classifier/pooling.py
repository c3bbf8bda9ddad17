"""Pooling over time in torch: from the hidden states of a text to one vector for the read-out.

The causal classifier pools the states so far after every token (`running`), the bidirectional one all states at once
(`whole`). M is the size of a hidden state: H, or 2H with both directions concatenated.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from seqshell import State
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import EMPTY_LOG_TOTAL, MAX_SCORE, RunningAttention, RunningMean


class Pooling(Protocol):
    """A kind of pooling, an nn.Module."""

    def initial_state(self, zeros: Tensor) -> State:
        """The state before the first token. zeros: [B, M], for shape, type and device."""

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        """Pool the states up to each token. hidden: [B, T, M]. Returns [B, T, M] and the state."""

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Pool a whole text. hidden: [B, T, M]; mask: [B, T], True at tokens, at least one per row. Returns [B, M]."""


class LastPooling(nn.Module):
    """The last hidden state of each direction: that at the last token, and backwards that at the first."""

    def initial_state(self, zeros: Tensor) -> State:
        return ()

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        return hidden, state

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        forward, backward = hidden.chunk(2, -1)
        rows = torch.arange(len(hidden), device=hidden.device)
        return torch.cat((forward[rows, mask.sum(1) - 1], backward[:, 0]), -1)


class MeanPooling(nn.Module):
    """The mean over time."""

    def initial_state(self, zeros: Tensor) -> State:
        return RunningMean(zeros, zeros.new_zeros((len(zeros), 1), dtype=torch.int64))

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        counts = state.count + torch.arange(1, hidden.shape[1] + 1, device=hidden.device)  # [B, T]
        means = (hidden.cumsum(1) + (state.mean * state.count).unsqueeze(1)) / counts.unsqueeze(-1)
        return means, RunningMean(means[:, -1], counts[:, -1:])

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        return (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)


class MaxPooling(nn.Module):
    """The maximum of each unit over time.

    Collobert et al. 2011, https://www.jmlr.org/papers/v12/collobert11a.html, section 3.3.2.
    """

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


class AttentionPooling(nn.Module):
    """The mean weighted by the softmax over time of v . tanh(h), with a learned vector v.

    Zhou et al. 2016, https://aclanthology.org/P16-2034, equations 9 to 11, without the tanh of the mean.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))

    def initial_state(self, zeros: Tensor) -> State:
        return RunningAttention(zeros, zeros.new_full((len(zeros), 1), EMPTY_LOG_TOTAL))

    def running(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        # A running softmax: the state has the mean so far and the log of its total weight. All exponentials are taken
        # relative to the peak, so that none is above 1; the result does not depend on how the text is divided.
        scores = self._scores(hidden)
        peak = torch.maximum(state.log_total, scores.amax(1, keepdim=True)).detach()  # [B, 1]
        weights, before = (scores - peak).exp(), (state.log_total - peak).exp()
        totals = before + weights.cumsum(1)  # [B, T]
        sums = (before * state.mean).unsqueeze(1) + (weights.unsqueeze(-1) * hidden).cumsum(1)
        means = sums / totals.unsqueeze(-1)
        return means, RunningAttention(means[:, -1], peak + totals[:, -1:].log())

    def whole(self, hidden: Tensor, mask: Tensor) -> Tensor:
        weights = self._scores(hidden).masked_fill(~mask, float("-inf")).softmax(1)  # [B, T]
        return (weights.unsqueeze(1) @ hidden).squeeze(1)

    def _scores(self, hidden: Tensor) -> Tensor:
        """[B, T]."""
        return (torch.tanh(hidden) @ self.vector).float().clamp(-MAX_SCORE, MAX_SCORE)


def make_pooling(kind: str, config: ClassifierConfig, size: int) -> nn.Module:
    """The pooling of a kind, over hidden states of `size` units."""
    if kind == "max":
        return MaxPooling(config.floor)
    return AttentionPooling(size) if kind == "attention" else MeanPooling() if kind == "mean" else LastPooling()
