"""The classifiers in numpy; the same values as the torch modules in `classifiers`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import PAD, State
from seqshell.core.state import Arrays, by_address, map_leaves
from seqshell.layers import (
    Encoder,
    Readout,
    RecurrentStack,
    read_bidirectional_layers,
    read_layers,
    read_padded,
    take,
    top_hidden,
)
from seqshell.layers.weights import Floats, Weights
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.numpy_linear_ngrams import LinearNgrams
from seqshell_classifier.numpy_ngram_features import NgramFeatures
from seqshell_classifier.numpy_pooling import LastPooling, Pooling, read_pooling
from seqshell_classifier.states import ClassifierState

TABLE_ROWS = 64  # with this number of texts at a time, computing the input products of the whole vocabulary pays off
CHUNK = 256  # tokens whose hidden states are kept in memory at once


class ClassifierDecoder:
    """Decoder of the architecture classifier. State: ClassifierState."""

    def __init__(self, config: ClassifierConfig, weights: Weights) -> None:
        size = config.hidden_size
        embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
        layers = read_layers(
            config.kind, weights, input_size=config.embed_size, hidden_size=size, num_layers=config.num_layers
        )
        self.recurrent = RecurrentStack(layers, embedding, table_rows=TABLE_ROWS)
        self.pools = _pools(config, weights, size)
        self.readout = Readout(weights, size * len(self.pools), config.num_classes)
        self.ngrams = NgramFeatures(config, weights) if config.ngrams else None
        self.linear = LinearNgrams(config, weights) if config.linear_ngrams else None

    def initial_state(self, batch_size: int = 1) -> State:
        """The state before the first token."""
        pools = tuple(pool.initial_state(batch_size) for pool in self.pools)
        ngrams = self.ngrams.initial_state(batch_size) if self.ngrams else ()
        linear = self.linear.initial_state(batch_size) if self.linear else ()
        return ClassifierState(self.recurrent.initial_state(batch_size), pools, ngrams, linear)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64, none of them PAD. Returns logits [B, C], state."""
        hidden, recurrent = self.recurrent.step(inputs, state.recurrent)
        pooled, states = self._pooled(hidden[:, None], state.pools)
        added, ngrams, linear = self._ngram_logits(inputs[:, None], state)
        return self.readout(pooled) + added, ClassifierState(recurrent, states, ngrams, linear)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64, padded on the right. Returns logits [B, C] after each row's last token, state."""
        return read_padded(self._feed, inputs, state)

    def _feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """feed without padding."""
        for start in range(0, inputs.shape[1], CHUNK):
            chunk = inputs[:, start : start + CHUNK]
            hidden, recurrent = self.recurrent.read(chunk, state.recurrent)
            pooled, states = self._pooled(hidden, state.pools)
            added, ngrams, linear = self._ngram_logits(chunk, state)
            state = ClassifierState(recurrent, states, ngrams, linear)
        return self.readout(pooled) + added, state

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64, no padding. Returns logits [B, T, C], state, and [B, T, ...] of each leaf and gate."""
        hidden, recurrent, states, named = self.recurrent.trace(inputs, state.recurrent)
        pooled, pools = zip(
            *(pool.trace(hidden, before) for pool, before in zip(self.pools, state.pools, strict=True)), strict=True
        )
        outputs = self.readout(np.concatenate(pooled, axis=-1))
        ngrams: State = ()
        linear: State = ()
        if self.ngrams:
            added, ngrams = self.ngrams.trace(inputs, state.ngrams)
            outputs = outputs + added
        if self.linear:
            added, linear = self.linear.trace(inputs, state.linear)
            outputs = outputs + added
        steps = ClassifierState(states, pools, ngrams, linear)
        last = map_leaves(lambda leaf: leaf[:, -1].copy(), steps)
        return outputs, last._replace(recurrent=recurrent), {**by_address(steps), **named}

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """Logits [B, C] of a state; None with n-grams, whose logits depend on the last token and those before it."""
        if self.ngrams or self.linear:
            return None
        hidden = top_hidden(state.recurrent)
        pooled = [pool.pooled(hidden, before) for pool, before in zip(self.pools, state.pools, strict=True)]
        return self.readout(np.concatenate(pooled, axis=-1))

    def _ngram_logits(self, tokens: NDArray[Any], state: ClassifierState) -> tuple[Any, State, State]:
        """tokens: [B, T]. Returns the logits that the n-grams add after the last one, [B, C] or 0, and both states."""
        added, ngrams = self.ngrams.read(tokens, state.ngrams) if self.ngrams else (0, ())
        fitted, linear = self.linear.read(tokens, state.linear) if self.linear else (0, ())
        return added + fitted, ngrams, linear

    def _pooled(self, hidden: Floats, before: tuple[State, ...]) -> tuple[Floats, tuple[State, ...]]:
        """hidden: [B, T, H]. Returns the input of the read-out after the last token, and the states of pooling."""
        if len(self.pools) == 1:
            pooled, state = self.pools[0].read(hidden, before[0])
            return pooled, (state,)
        parts, states = zip(
            *(pool.read(hidden, state) for pool, state in zip(self.pools, before, strict=True)), strict=True
        )
        return np.concatenate(parts, axis=-1), states


class BidirectionalClassifierDecoder:
    """Decoder of the architecture bidirectional_classifier, which reads a text at once. State: ()."""

    def __init__(self, config: ClassifierConfig, weights: Weights) -> None:
        size = 2 * config.hidden_size
        embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
        layers = read_bidirectional_layers(
            config.kind,
            weights,
            input_size=config.embed_size,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
        )
        self.encoder = Encoder(layers, embedding)
        self.pools = _pools(config, weights, size)
        self.readout = Readout(weights, size * len(self.pools), config.num_classes)
        self.ngrams = NgramFeatures(config, weights) if config.ngrams else None
        self.linear = LinearNgrams(config, weights) if config.linear_ngrams else None

    def initial_state(self, batch_size: int = 1) -> State:
        """()."""
        return ()

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64, each a text of one token. Returns logits [B, C], ()."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64, whole texts, padded on the right. Returns logits [B, C], ()."""
        lengths = np.maximum((inputs != PAD).sum(1), 1)  # an empty row is read as a single PAD
        encoded = self.encoder(inputs, lengths)
        rows = list(enumerate(lengths.tolist()))
        pooled = [
            encoded.hidden[:, -1]  # the last hidden state of each direction
            if isinstance(pool, LastPooling)
            else np.concatenate(
                [pool.read(encoded.outputs[row : row + 1, :length], pool.initial_state(1))[0] for row, length in rows]
            )
            for pool in self.pools
        ]
        logits = self.readout(np.concatenate(pooled, axis=-1))
        for part in (self.ngrams, self.linear):
            if part:
                logits = logits + part.whole(inputs)
        return logits, ()


def _pools(config: ClassifierConfig, weights: Weights, size: int) -> list[Pooling]:
    return [read_pooling(kind, config, weights, size) for kind in config.poolings]
