"""What the n-grams of a text say of its label by themselves, in numpy, without torch: equal to the module of `wide`, which has the equation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import PAD
from seqshell.layers import take
from seqshell.layers.hashing import ngram_indices
from seqshell.layers.weights import Floats, Weights
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import NgramsSoFar


class Ngrams:
    """Logits from n-grams. State: NgramsSoFar."""

    def __init__(self, config: ClassifierConfig, weights: Weights) -> None:
        """weights["wide.inside.weight"] and ["wide.ending.weight"]: [S, C]. CheckpointError when one does not fit."""
        shape = config.ngram_slots, config.num_classes
        self.inside = take(weights, "wide.inside.weight", *shape)
        self.ending = take(weights, "wide.ending.weight", *shape)
        self.size = config.ngrams

    def initial_state(self, batch_size: int) -> NgramsSoFar:
        """Before any token."""
        total = np.zeros((batch_size, self.inside.shape[1]), np.float32)
        return NgramsSoFar(
            np.full((batch_size, self.size - 1), -1, np.int64), total, np.zeros((batch_size, 1), np.int64)
        )

    def read(self, tokens: NDArray[Any], state: NgramsSoFar) -> tuple[Floats, NgramsSoFar]:
        """tokens: [B, T] int64, T at least 1, without padding. Returns what they add to the logits after the last, [B, C], state."""
        found, history = self._places(tokens, state.last)
        total, count = state.total + self.inside[found].sum((1, 2)), state.count + tokens.shape[1]
        logits = total / np.sqrt(count).astype(np.float32) + self.ending[found[:, -1]].sum(1)
        return logits, NgramsSoFar(history[:, history.shape[1] - self.size + 1 :].copy(), total, count)

    def whole(self, tokens: NDArray[Any]) -> Floats:
        """tokens: [B, T] int64, whole texts padded right. Returns [B, C]."""
        read = tokens != PAD
        read[:, 0] = True  # a row without any token is read as one that is PAD
        found, _ = self._places(tokens, self.initial_state(len(tokens)).last)
        lengths = read.sum(1)
        total = np.stack([self.inside[each[:length]].sum((0, 1)) for each, length in zip(found, lengths, strict=True)])
        ending = self.ending[found[np.arange(len(tokens)), lengths - 1]].sum(1)
        logits: Floats = total / np.sqrt(lengths[:, None]).astype(np.float32) + ending
        return logits

    def _places(self, tokens: NDArray[Any], last: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of the n-grams of each length that end at each token [B, T, n], and all tokens that were looked at, [B, n - 1 + T]."""
        history = np.concatenate((last, tokens), axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(history, self.size, axis=1)
        return np.stack(ngram_indices(windows, len(self.inside))[1:], axis=-1), history
