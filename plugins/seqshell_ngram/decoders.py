"""The same models in numpy, without torch. State: one array [B, n - 1] int64, the last tokens, -1 where there are none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.layers import read_linear, take
from seqshell.layers.hashing import ngram_indices
from seqshell_ngram.config import MaxEntConfig, NeuralNGramConfig, NGramConfig
from seqshell_ngram.counts import from_weights
from seqshell_ngram.smoothing import interpolate

Weights = Mapping[str, NDArray[Any]]


class WindowDecoder(ABC):
    """What the three share: only the last n - 1 tokens matter, however many are read."""

    def __init__(self, order: int) -> None:
        self.order = order

    def initial_state(self, batch_size: int = 1) -> State:
        """[batch_size, n - 1] of -1."""
        return np.full((batch_size, self.order - 1), -1, np.int64)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the logits [B, V] after the last, state."""
        size = self.order - 1
        history = np.concatenate((state, inputs[:, max(0, inputs.shape[1] - size) :]), 1)
        state = history[:, history.shape[1] - size :].copy()
        return self.logits(state), state

    @abstractmethod
    def logits(self, contexts: NDArray[Any]) -> NDArray[np.float32]:
        """contexts: [B, n - 1]. Returns [B, V]."""


class NGramDecoder(WindowDecoder):
    """Counted n-grams; logits are log-probabilities."""

    def __init__(self, config: NGramConfig, weights: Weights) -> None:
        super().__init__(config.order)
        self.vocab_size = config.vocab_size
        probabilities = interpolate(
            from_weights(weights, config.order, config.vocab_size), config.vocab_size, config.smoothing
        )
        self.unigrams, self.levels = probabilities.unigrams, probabilities.levels

    def logits(self, contexts: NDArray[Any]) -> NDArray[np.float32]:
        """contexts: [B, n - 1]. Returns log-probabilities [B, V]."""
        return np.log(np.stack([self._probs(context.tolist()) for context in contexts]))

    def _probs(self, context: list[int]) -> NDArray[np.float32]:
        """[V], from the unigrams up to the longest part of the context that was counted."""
        probs = self.unigrams.copy()
        for length, place in reversed(self._known(context)):
            level, longer = self.levels[length - 1], self.levels[length]
            followers = slice(level.starts[place], level.starts[place + 1])
            probs *= level.rest[place]
            probs[longer.tokens[followers]] += longer.shares[followers]
        return probs

    def _known(self, context: list[int]) -> list[tuple[int, int]]:
        """Length and place of every end of the context that was counted, the longest first."""
        for length in range(len(context), 0, -1):
            place = 0
            for level, token in zip(self.levels, context[-length:], strict=False):
                place = level.find(place, token, self.vocab_size) if token >= 0 else -1
                if place < 0:
                    break
            else:
                found = [(length, place)]
                for shorter in range(length - 1, 0, -1):
                    place = int(self.levels[shorter].suffixes[place])
                    found.append((shorter, place))
                return found
        return []


class MaxEntDecoder(WindowDecoder):
    """Log-linear over hashed n-gram features."""

    def __init__(self, config: MaxEntConfig, weights: Weights) -> None:
        super().__init__(config.order)
        self.table_size, self.vocab_size = config.table_size, config.vocab_size
        table = take(weights, "table.weight", config.table_size, 1)[:, 0]
        self.table = np.resize(
            table, config.table_size + config.vocab_size
        )  # its beginning again after its end, for features that wrap

    def logits(self, contexts: NDArray[Any]) -> NDArray[np.float32]:
        """contexts: [B, n - 1]. Returns [B, V]."""
        logits = np.zeros((len(contexts), self.vocab_size), np.float32)
        for first in ngram_indices(contexts, self.table_size):
            for row, place in zip(logits, first, strict=True):
                row += self.table[place : place + self.vocab_size]
        return logits


class NeuralNGramDecoder(WindowDecoder):
    """A feed-forward network over the vectors of the last n - 1 tokens."""

    def __init__(self, config: NeuralNGramConfig, weights: Weights) -> None:
        super().__init__(config.order)
        size = (config.order - 1) * config.embed_size
        self.embedding = take(weights, "embedding.weight", config.vocab_size + 1, config.embed_size)
        self.hidden = read_linear(weights, "hidden.", size, config.hidden_size)
        self.readout = read_linear(weights, "readout.", config.hidden_size, config.vocab_size)
        self.direct = (
            read_linear(weights, "direct.", size, config.vocab_size, has_bias=False) if config.direct else None
        )

    def logits(self, contexts: NDArray[Any]) -> NDArray[np.float32]:
        """contexts: [B, n - 1]. Returns [B, V]."""
        vectors = self.embedding[contexts + 1].reshape(len(contexts), -1)
        logits = self.readout(np.tanh(self.hidden(vectors)))
        return logits if self.direct is None else logits + self.direct(vectors)
