"""Pooling in numpy: from the hidden states of a text to the one vector that the read-out reads, equal to the modules of `pooling`."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from seqshell import State
from seqshell.layers import take
from seqshell.layers.weights import Floats, Weights
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import BOUND, NOTHING, AttendedSoFar, MeanSoFar


class Pool(Protocol):
    """One kind of pooling over hidden states of M elements, of which a state remembers what it needs."""

    def initial_state(self, batch_size: int) -> State:
        """Before any token."""

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        """hidden: [B, T, M], T at least 1, without padding. Returns what is pooled after the last of them, [B, M], state."""


class Last:
    """The last hidden state."""

    def initial_state(self, batch_size: int) -> State:
        return ()

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        return hidden[:, -1], state


class Mean:
    """The mean over time."""

    def __init__(self, size: int) -> None:
        self.size = size

    def initial_state(self, batch_size: int) -> State:
        return MeanSoFar(np.zeros((batch_size, self.size), np.float32), np.zeros((batch_size, 1), np.int64))

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        count = state.count + hidden.shape[1]
        sums = hidden.sum(1) + state.mean * state.count.astype(np.float32)
        sums /= count.astype(np.float32)
        return sums, MeanSoFar(sums, count)


class Max:
    """The largest of each element over time."""

    def __init__(self, size: int, floor: float) -> None:
        self.size = size
        self.floor = floor

    def initial_state(self, batch_size: int) -> State:
        return np.full((batch_size, self.size), self.floor, np.float32)

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        largest: Floats = np.maximum(state, hidden.max(1))
        return largest, largest


class Attention:
    """The mean with the weights softmax over time of v . tanh(h)."""

    def __init__(self, vector: Floats) -> None:
        """vector: v [M]."""
        self.vector = vector

    def initial_state(self, batch_size: int) -> State:
        return AttendedSoFar(
            np.zeros((batch_size, len(self.vector)), np.float32), np.full((batch_size, 1), NOTHING, np.float32)
        )

    def read(self, hidden: Floats, state: State) -> tuple[Floats, State]:
        scores = np.clip(np.tanh(hidden) @ self.vector, -BOUND, BOUND)  # [B, T]
        peak = np.maximum(state.log_total, scores.max(1, keepdims=True))  # [B, 1]; no exponential is above 1
        weights, before = np.exp(scores - peak), np.exp(state.log_total - peak)
        total = before + weights.sum(1, keepdims=True)
        sums = (weights[:, None] @ hidden)[:, 0] + before * state.mean
        sums /= total
        return sums, AttendedSoFar(sums, peak + np.log(total))


def read_pool(kind: str, config: ClassifierConfig, weights: Weights, size: int) -> Pool:
    """A pool of a kind over hidden states of `size` elements; attention's vector is weights["pools.attention.vector"] [M]. CheckpointError when
    it does not fit."""
    if kind == "attention":
        return Attention(take(weights, "pools.attention.vector", size))
    if kind == "max":
        return Max(size, config.floor)
    return Mean(size) if kind == "mean" else Last()
