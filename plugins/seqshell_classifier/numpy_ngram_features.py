"""Logits from the n-grams of a text in numpy; the same values as the torch module in `ngram_features`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import PAD
from seqshell.layers import take
from seqshell.layers.hashing import ngram_indices
from seqshell.layers.weights import Floats, Weights
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import RunningNgrams


class NgramFeatures:
    """Logits from n-grams, see `ngram_features`. State: RunningNgrams."""

    def __init__(self, config: ClassifierConfig, weights: Weights) -> None:
        """Read weights["wide.inside.weight"] and weights["wide.ending.weight"], [S, C] each.

        Raises CheckpointError if one is missing or has another shape.
        """
        shape = config.ngram_slots, config.num_classes
        self.inside = take(weights, "wide.inside.weight", *shape)
        self.ending = take(weights, "wide.ending.weight", *shape)
        self.size = config.ngrams

    def initial_state(self, batch_size: int) -> RunningNgrams:
        """The state before the first token."""
        total = np.zeros((batch_size, self.inside.shape[1]), np.float32)
        return RunningNgrams(
            np.full((batch_size, self.size - 1), -1, np.int64), total, np.zeros((batch_size, 1), np.int64)
        )

    def read(self, tokens: NDArray[Any], state: RunningNgrams) -> tuple[Floats, RunningNgrams]:
        """tokens: [B, T] int64, T >= 1, no padding. Returns the logits to add after the last, [B, C], and the state."""
        indices, history = self._indices(tokens, state.last)
        total, count = state.total + self.inside[indices].sum((1, 2)), state.count + tokens.shape[1]
        logits = total / np.sqrt(count).astype(np.float32) + self.ending[indices[:, -1]].sum(1)
        return logits, RunningNgrams(history[:, history.shape[1] - self.size + 1 :].copy(), total, count)

    def trace(self, tokens: NDArray[Any], state: RunningNgrams) -> tuple[Floats, RunningNgrams]:
        """The same after every token: the logits [B, T, C], and a state with leaves [B, T, ...]."""
        indices, history = self._indices(tokens, state.last)
        steps = np.arange(1, tokens.shape[1] + 1)[:, None]
        total = state.total[:, None] + self.inside[indices].sum(2).cumsum(1)
        count = state.count[:, None] + steps
        logits = total / np.sqrt(count).astype(np.float32) + self.ending[indices].sum(2)
        return logits, RunningNgrams(history[:, steps + np.arange(self.size - 1)], total, count)

    def whole(self, tokens: NDArray[Any]) -> Floats:
        """tokens: [B, T] int64, whole texts, padded on the right. Returns the logits to add, [B, C]."""
        is_token = tokens != PAD
        is_token[:, 0] = True  # an empty row is read as a single PAD
        indices, _ = self._indices(tokens, self.initial_state(len(tokens)).last)
        lengths = is_token.sum(1)
        total = np.stack([self.inside[row[:length]].sum((0, 1)) for row, length in zip(indices, lengths, strict=True)])
        ending = self.ending[indices[np.arange(len(tokens)), lengths - 1]].sum(1)
        logits: Floats = total / np.sqrt(lengths[:, None]).astype(np.float32) + ending
        return logits

    def _indices(self, tokens: NDArray[Any], last: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The indices of the n-grams of each length that end at each token [B, T, n], and all tokens [B, n - 1 + T]."""
        history = np.concatenate((last, tokens), axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(history, self.size, axis=1)
        return np.stack(ngram_indices(windows, len(self.inside))[1:], axis=-1), history
