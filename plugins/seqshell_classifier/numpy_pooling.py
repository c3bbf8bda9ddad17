"""Pooling over time in numpy; the same values as the torch modules in `pooling`, which has the equations."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from seqshell import State
from seqshell.layers import take
from seqshell.layers.weights import Floats, Weights
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import EMPTY_LOG_TOTAL, MAX_SCORE, RunningAttention, RunningMean


class Pooling(Protocol):
    """A kind of pooling over hidden states of M units."""

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token."""

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        """Pool all states up to the last one. hidden: [B, T, M], T >= 1, no padding. Returns [B, M] and the state."""

    def trace(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        """The same after every step: [B, T, M] and a state with leaves [B, T, ...]."""

    def pooled(self, hidden: Floats, state: State) -> Floats:
        """What `read` returned with the state, [B, M]. hidden: [B, M], the last hidden state."""


class LastPooling:
    """The last hidden state."""

    def initial_state(self, batch_size: int) -> State:
        return ()

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        return hidden[:, -1], state

    def trace(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        return hidden, state

    def pooled(self, hidden: Floats, state: State) -> Floats:
        return hidden


class MeanPooling:
    """The mean over time."""

    def __init__(self, size: int) -> None:
        self.size = size

    def initial_state(self, batch_size: int) -> State:
        return RunningMean(np.zeros((batch_size, self.size), np.float32), np.zeros((batch_size, 1), np.int64))

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        count = state.count + hidden.shape[1]
        sums = hidden.sum(1) + state.mean * state.count.astype(np.float32)
        sums /= count.astype(np.float32)
        return sums, RunningMean(sums, count)

    def trace(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        counts = state.count[:, None] + np.arange(1, hidden.shape[1] + 1)[:, None]
        means = hidden.cumsum(1) + (state.mean * state.count.astype(np.float32))[:, None]
        means /= counts.astype(np.float32)
        return means, RunningMean(means, counts)

    def pooled(self, hidden: Floats, state: State) -> Floats:
        mean: Floats = state.mean
        return mean


class MaxPooling:
    """The maximum of each unit over time."""

    def __init__(self, size: int, floor: float) -> None:
        self.size = size
        self.floor = floor

    def initial_state(self, batch_size: int) -> State:
        return np.full((batch_size, self.size), self.floor, np.float32)

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        largest: Floats = np.maximum(state, hidden.max(1))
        return largest, largest

    def trace(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        largest = np.maximum(state[:, None], np.maximum.accumulate(hidden, 1))
        return largest, largest

    def pooled(self, hidden: Floats, state: State) -> Floats:
        largest: Floats = state
        return largest


class AttentionPooling:
    """The mean weighted by the softmax over time of v . tanh(h), computed as a running softmax."""

    def __init__(self, vector: Floats) -> None:
        """vector: v [M]."""
        self.vector = vector

    def initial_state(self, batch_size: int) -> State:
        return RunningAttention(
            np.zeros((batch_size, len(self.vector)), np.float32), np.full((batch_size, 1), EMPTY_LOG_TOTAL, np.float32)
        )

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        scores = self._scores(hidden)
        peak = np.maximum(state.log_total, scores.max(1, keepdims=True))  # [B, 1], so that no exponential is above 1
        weights, before = np.exp(scores - peak), np.exp(state.log_total - peak)
        total = before + weights.sum(1, keepdims=True)
        sums = (weights[:, None] @ hidden)[:, 0] + before * state.mean
        sums /= total
        return sums, RunningAttention(sums, peak + np.log(total))

    def trace(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        scores = self._scores(hidden)[..., None]  # [B, T, 1]
        peak = np.maximum(state.log_total, scores.max(1))[:, None]  # [B, 1, 1]
        weights, before = np.exp(scores - peak), np.exp(state.log_total[:, None] - peak)
        totals = before + weights.cumsum(1)
        means = (weights * hidden).cumsum(1) + before * state.mean[:, None]
        means /= totals
        return means, RunningAttention(means, peak + np.log(totals))

    def _scores(self, hidden: Floats) -> Floats:
        """[B, T]; hidden: [B, T, M]."""
        scores: Floats = np.clip(np.tanh(hidden) @ self.vector, -MAX_SCORE, MAX_SCORE)
        return scores

    def pooled(self, hidden: Floats, state: State) -> Floats:
        mean: Floats = state.mean
        return mean


def read_pooling(kind: str, config: ClassifierConfig, weights: Weights, size: int) -> Pooling:
    """The pooling of a kind, over hidden states of `size` units.

    Attention reads weights["pools.attention.vector"] [M]. Raises CheckpointError if it is missing or has another shape.
    """
    if kind == "attention":
        return AttentionPooling(take(weights, "pools.attention.vector", size))
    if kind == "max":
        return MaxPooling(size, config.floor)
    return MeanPooling(size) if kind == "mean" else LastPooling()
