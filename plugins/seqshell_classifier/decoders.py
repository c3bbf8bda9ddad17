"""The classifiers in numpy, without torch: equal to the modules of `classifiers`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import PAD, State
from seqshell.layers import Encoder, Readout, RecurrentStack, read_layer, read_layers, read_padded, take
from seqshell.layers.weights import Floats, Weights
from seqshell_classifier.config import CELLS, ClassifierConfig
from seqshell_classifier.ngrams import Ngrams
from seqshell_classifier.pools import Last, Pool, read_pool
from seqshell_classifier.states import ClassifierState

TABLE_ROWS = 64  # so many rows at a time are a file of texts, which repays the products of the whole vocabulary; one text does not
CHUNK = 256  # tokens whose hidden states are held at once


class ClassifierDecoder:
    """From the beginning of a text. State: ClassifierState."""

    def __init__(self, config: ClassifierConfig, weights: Weights) -> None:
        size = config.hidden_size
        embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
        layers = read_layers(
            CELLS[config.cell], weights, input_size=config.embed_size, hidden_size=size, num_layers=config.num_layers
        )
        self.recurrent = RecurrentStack(layers, embedding, table_rows=TABLE_ROWS)
        self.pools = _pools(config, weights, size)
        self.readout = Readout(weights, size * len(self.pools), config.num_classes)
        self.ngrams = Ngrams(config, weights) if config.ngrams else None

    def initial_state(self, batch_size: int = 1) -> State:
        """Before any token."""
        pools = tuple(pool.initial_state(batch_size) for pool in self.pools)
        ngrams = self.ngrams.initial_state(batch_size) if self.ngrams else ()
        return ClassifierState(self.recurrent.initial_state(batch_size), pools, ngrams)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64, none of them PAD. Returns logits [B, C], state."""
        hidden, recurrent = self.recurrent.step(inputs, state.recurrent)
        pooled, states = self._pooled(hidden[:, None], state.pools)
        told, ngrams = self._told(inputs[:, None], state.ngrams)
        return self.readout(pooled) + told, ClassifierState(recurrent, states, ngrams)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64, padded right. Returns the logits [B, C] after each row's last token, and the state there."""
        return read_padded(self._feed, inputs, state)

    def _feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """The same without padding."""
        for start in range(0, inputs.shape[1], CHUNK):
            part = inputs[:, start : start + CHUNK]
            hidden, recurrent = self.recurrent.read(part, state.recurrent)
            pooled, states = self._pooled(hidden, state.pools)
            told, ngrams = self._told(part, state.ngrams)
            state = ClassifierState(recurrent, states, ngrams)
        return self.readout(pooled) + told, state

    def _told(self, tokens: NDArray[Any], state: State) -> tuple[Any, State]:
        """tokens: [B, T]. Returns what the n-grams add to the logits after the last, [B, C] or nothing, and their state."""
        return self.ngrams.read(tokens, state) if self.ngrams else (0, ())

    def _pooled(self, hidden: Floats, before: tuple[State, ...]) -> tuple[Floats, tuple[State, ...]]:
        """hidden: [B, T, H]. Returns what the read-out reads after the last, and the pools' states."""
        if len(self.pools) == 1:
            pooled, state = self.pools[0].read(hidden, before[0])
            return pooled, (state,)
        parts, states = zip(
            *(pool.read(hidden, state) for pool, state in zip(self.pools, before, strict=True)), strict=True
        )
        return np.concatenate(parts, axis=-1), states


class BidirectionalClassifierDecoder:
    """From both ends of a text, which is read at once. State: ()."""

    def __init__(self, config: ClassifierConfig, weights: Weights) -> None:
        size = 2 * config.hidden_size
        embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
        layers = [
            [
                read_layer(
                    CELLS[config.cell],
                    weights,
                    input_size=inputs,
                    hidden_size=config.hidden_size,
                    prefix=f"recurrent.{depth}.{way}.0.",
                )
                for way in ("ahead", "back")
            ]
            for depth, inputs in enumerate([config.embed_size] + [size] * (config.num_layers - 1))
        ]
        self.encoder = Encoder(layers, embedding)
        self.pools = _pools(config, weights, size)
        self.readout = Readout(weights, size * len(self.pools), config.num_classes)
        self.ngrams = Ngrams(config, weights) if config.ngrams else None

    def initial_state(self, batch_size: int = 1) -> State:
        """()."""
        return ()

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64, read as texts of one token. Returns logits [B, C], ()."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64, whole texts padded right. Returns logits [B, C], ()."""
        lengths = np.maximum((inputs != PAD).sum(1), 1)  # a row without any token is read as one that is PAD
        encoded = self.encoder(inputs, lengths)
        rows = list(enumerate(lengths.tolist()))
        pooled = [
            encoded.hidden[:, -1]  # each direction's after what it read last
            if isinstance(pool, Last)
            else np.concatenate(
                [pool.read(encoded.outputs[row : row + 1, :length], pool.initial_state(1))[0] for row, length in rows]
            )
            for pool in self.pools
        ]
        logits = self.readout(np.concatenate(pooled, axis=-1))
        return logits + self.ngrams.whole(inputs) if self.ngrams else logits, ()


def _pools(config: ClassifierConfig, weights: Weights, size: int) -> list[Pool]:
    return [read_pool(kind, config, weights, size) for kind in config.poolings]
