"""The linear part of a classifier in numpy; the same values as the torch module in `linear_ngrams`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seqshell import PAD, CheckpointError
from seqshell.layers import take
from seqshell.layers.weights import Floats, Weights
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.ngram_keys import BEGIN, END, NONE, window_keys
from seqshell_classifier.states import RunningNgrams

Ints = NDArray[Any]


class LinearNgrams:
    """Logits from n-grams, see `linear_ngrams`. State: RunningNgrams."""

    def __init__(self, config: ClassifierConfig, weights: Weights) -> None:
        """Read weights["linear.keys"] [F], ["linear.weights"] [F, C] and ["linear.bias"] [C].

        Raises CheckpointError if one is missing or has another shape.
        """
        number = len(weights["linear.weights"]) if "linear.weights" in weights else 1
        self.keys = _keys(weights, number)
        self.weights = take(weights, "linear.weights", number, config.num_classes)
        self.bias = take(weights, "linear.bias", config.num_classes)
        self.size = config.linear_ngrams

    def initial_state(self, batch_size: int) -> RunningNgrams:
        """The state before the first token."""
        total = np.zeros((batch_size, len(self.bias)), np.float32)
        last = np.full((batch_size, self.size - 1), BEGIN, np.int64)
        return RunningNgrams(last, total, np.zeros((batch_size, 1), np.int64))

    def read(self, tokens: Ints, state: RunningNgrams) -> tuple[Floats, RunningNgrams]:
        """tokens: [B, T] int64, T >= 1, no padding. Returns the logits to add after the last, [B, C], and the state."""
        history = np.concatenate((state.last, tokens), axis=1)
        windows = sliding_window_view(history, self.size, axis=1)
        sums, counts = self._sums(np.stack(window_keys(windows), axis=-1).reshape(len(tokens), -1))
        total, count = state.total + sums, state.count + counts
        ends, num_ends = self._sums(np.stack(window_keys(_ended(windows[:, -1])), axis=-1)[:, 1:])
        last = history[:, history.shape[1] - self.size + 1 :].copy()
        return self._scaled(total + ends, count + num_ends), RunningNgrams(last, total, count)

    def trace(self, tokens: Ints, state: RunningNgrams) -> tuple[Floats, RunningNgrams]:
        """The same after every token: the logits [B, T, C], and a state with leaves [B, T, ...]."""
        history = np.concatenate((state.last, tokens), axis=1)
        windows = sliding_window_view(history, self.size, axis=1)
        sums, counts = self._sums(np.stack(window_keys(windows), axis=-1))
        total, count = state.total[:, None] + sums.cumsum(1), state.count[:, None] + counts.cumsum(1)
        ends, num_ends = self._sums(np.stack(window_keys(_ended(windows)), axis=-1)[..., 1:])
        steps = np.arange(1, tokens.shape[1] + 1)[:, None]
        last = history[:, steps + np.arange(self.size - 1)]
        return self._scaled(total + ends, count + num_ends), RunningNgrams(last, total, count)

    def whole(self, tokens: Ints) -> Floats:
        """tokens: [B, T] int64, whole texts, padded on the right. Returns the logits to add, [B, C]."""
        lengths = np.maximum((tokens != PAD).sum(1), 1)  # an empty row is read as a single PAD
        found = [
            self._sums(self._distinct(row[:length])[None]) for row, length in zip(tokens, lengths.tolist(), strict=True)
        ]
        return self._scaled(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _distinct(self, tokens: Ints) -> Ints:
        """The different keys of a text [T]."""
        line = np.concatenate((np.full(self.size - 1, BEGIN), tokens, [END]))
        keys = np.stack(window_keys(sliding_window_view(line, self.size)), axis=-1)
        keys[-1, 0] = NONE  # END alone
        return np.unique(keys)

    def _sums(self, keys: Ints) -> tuple[Floats, Ints]:
        """The sum of the weights of keys [..., K], [..., C], and how many of the keys are known, [..., 1]."""
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known = (self.keys[places] == keys) & (keys != NONE)
        sums: Floats = (self.weights[places] * known[..., None].astype(np.float32)).sum(-2)
        return sums, known.sum(-1, keepdims=True)

    def _scaled(self, sums: Floats, counts: Ints) -> Floats:
        roots: Floats = np.sqrt(np.maximum(1, counts).astype(np.float32))
        logits: Floats = sums / roots + self.bias
        return logits


def _ended(windows: Ints) -> Ints:
    """The windows [..., N] one token later, if the text ends there."""
    return np.concatenate((windows[..., 1:], np.full((*windows.shape[:-1], 1), END)), axis=-1)


def _keys(weights: Weights, number: int) -> Ints:
    """The keys of the n-grams [F], F >= 1, sorted."""
    name = "linear.keys"
    if name not in weights:
        raise CheckpointError(f"the checkpoint lacks the tensor {name}")
    keys = weights[name]
    if keys.shape != (number,) or not number or keys.dtype.kind not in "iu" or (keys[1:] < keys[:-1]).any():
        raise CheckpointError(f"the tensor {name} must be {max(1, number):,} integers in increasing order")
    return keys.astype(np.int64)
