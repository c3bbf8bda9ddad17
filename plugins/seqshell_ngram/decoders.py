"""Decoders in numpy for ngram, maxent, neural_ngram and window_lstm.

State: one array [B, n - 1] int64, the last tokens, with -1 before the beginning of the text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import Arrays, State
from seqshell.layers import Encoder, read_encoder, read_linear, take
from seqshell.layers.hashing import ngram_indices
from seqshell_ngram.config import MaxEntConfig, NeuralNGramConfig, NGramConfig, WindowLSTMConfig
from seqshell_ngram.counts import from_weights
from seqshell_ngram.smoothing import interpolate

Weights = Mapping[str, NDArray[Any]]
AT_ONCE = 64  # windows that LSTMs read together


class ContextDecoder(ABC):
    """Base class of the decoders: logits from the last n - 1 tokens."""

    def __init__(self, order: int) -> None:
        self.order = order

    def initial_state(self, batch_size: int = 1) -> State:
        """[batch_size, n - 1] of -1."""
        return np.full((batch_size, self.order - 1), -1, np.int64)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        size = self.order - 1
        history = np.concatenate((state, inputs[:, max(0, inputs.shape[1] - size) :]), 1)
        state = history[:, history.shape[1] - size :].copy()
        return self.logits(state), state

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64. Returns the logits [B, T, V], state, and the state after each token [B, T, n - 1]."""
        batch, length = inputs.shape
        places = np.arange(1, length + 1)[:, None] + np.arange(self.order - 1)
        states = np.concatenate((state, inputs), 1)[:, places]
        outputs = self.logits(states.reshape(batch * length, self.order - 1)).reshape(batch, length, -1)
        return outputs, states[:, -1].copy(), {"0": states}

    def state_outputs(self, state: State) -> NDArray[Any]:
        """The logits [B, V] of a state."""
        return self.logits(state)

    @abstractmethod
    def logits(self, contexts: NDArray[Any]) -> NDArray[np.float32]:
        """contexts: [B, n - 1], the last tokens. Returns [B, V]."""


class NGramDecoder(ContextDecoder):
    """Smoothed n-gram counts; the logits are log-probabilities."""

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
        """P(w | context) [V]: begin with the unigrams and refine with each longer context that occurs in the text.

        P(w | h) = share(h w) + backoff(h) P(w | h'); only the followers of h have a share, all other tokens just scale.
        """
        probs = self.unigrams.copy()
        for length, index in reversed(self._known_suffixes(context)):
            level, longer = self.levels[length - 1], self.levels[length]
            followers = slice(level.starts[index], level.starts[index + 1])
            probs *= level.backoff[index]
            probs[longer.tokens[followers]] += longer.shares[followers]
        return probs

    def _known_suffixes(self, context: list[int]) -> list[tuple[int, int]]:
        """Length and index of every suffix of the context that occurs in the text, the longest first."""
        for length in range(len(context), 0, -1):
            index = 0
            for level, token in zip(self.levels, context[-length:], strict=False):
                index = level.find(index, token, self.vocab_size) if token >= 0 else -1
                if index < 0:
                    break
            else:  # all suffixes of an n-gram that occurs also occur
                suffixes = [(length, index)]
                for shorter in range(length - 1, 0, -1):
                    index = int(self.levels[shorter].suffixes[index])
                    suffixes.append((shorter, index))
                return suffixes
        return []


class MaxEntDecoder(ContextDecoder):
    """The log-linear model over hashed n-gram features."""

    def __init__(self, config: MaxEntConfig, weights: Weights) -> None:
        super().__init__(config.order)
        self.table_size, self.vocab_size = config.table_size, config.vocab_size
        table = take(weights, "table.weight", config.table_size, 1)[:, 0]
        # The indices of a feature wrap around the end of the table, so the table is repeated for V more entries.
        self.table = np.resize(table, config.table_size + config.vocab_size)

    def logits(self, contexts: NDArray[Any]) -> NDArray[np.float32]:
        """contexts: [B, n - 1]. Returns [B, V]."""
        logits = np.zeros((len(contexts), self.vocab_size), np.float32)
        for first in ngram_indices(contexts, self.table_size):
            for row, index in zip(logits, first, strict=True):
                row += self.table[index : index + self.vocab_size]
        return logits


class NeuralNGramDecoder(ContextDecoder):
    """The feed-forward network over the embeddings of the last n - 1 tokens."""

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


class WindowLSTMDecoder(ContextDecoder):
    """The LSTM layers over the window, from a state of zeros, and the average by attention."""

    def __init__(self, config: WindowLSTMConfig, weights: Weights) -> None:
        super().__init__(config.context_length + 1)
        self.start_token = config.start_token
        self.embedding = take(weights, "embedding.weight", config.vocab_size + 1, config.embed_size)
        stack = read_encoder(
            "lstm",
            weights,
            input_size=config.embed_size,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
            bidirectional=config.bidirectional,
            prefix="recurrent.",
        )
        self.layers = [Encoder([directions]) for directions in stack.layers]
        self.attention = take(weights, "attention.weight", 1, config.seen_size)[0]
        self.readout = read_linear(weights, "readout.", config.seen_size, config.vocab_size)

    def logits(self, contexts: NDArray[Any]) -> NDArray[np.float32]:
        """contexts: [B, W]. Returns [B, V]."""
        parts = [contexts[start : start + AT_ONCE] for start in range(0, len(contexts), AT_ONCE)]
        return np.concatenate([self._logits(part) for part in parts])

    def _logits(self, contexts: NDArray[Any]) -> NDArray[np.float32]:
        if self.start_token >= 0:
            starts = contexts == self.start_token
            later = np.cumsum(starts[:, ::-1], 1)[:, ::-1] - starts  # starts after a token
            contexts = np.where(later, -1, contexts)
        lengths = np.full(len(contexts), contexts.shape[1])
        seen = [self.embedding[contexts + 1]]  # [B, W, E]
        for layer in self.layers:
            seen.append(layer(seen[-1], lengths).outputs)
        values = np.concatenate(seen, -1)  # [B, W, M]
        scores = values @ self.attention
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return self.readout((shares[..., None] * values).sum(1))
