"""The taggers in numpy; the same values as the torch modules in `taggers`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import PAD, State
from seqshell.core.state import Arrays, by_address
from seqshell.layers import (
    Encoder,
    OutputStack,
    Readout,
    RecurrentStack,
    read_bidirectional_layers,
    read_layers,
    read_padded,
    take,
)
from seqshell.layers.weights import Floats, Weights
from seqshell_tagger.config import CELLS, TaggerConfig


class TaggerDecoder:
    """Decoder of the architecture tagger. State: LSTMState or [B, L, H]."""

    def __init__(self, config: TaggerConfig, weights: Weights) -> None:
        embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
        layers = read_layers(
            CELLS[config.cell],
            weights,
            input_size=config.embed_size,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
        )
        readout = Readout(weights, config.hidden_size, config.num_classes)
        self.model = OutputStack(RecurrentStack(layers, embedding), readout)

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros."""
        return self.model.initial_state(batch_size)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, C], state."""
        return self.model.step(inputs, state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64, padded on the right. Returns logits [B, C] after each row's last token, state."""
        return read_padded(self.model.feed, inputs, state)

    def token_outputs(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """inputs: [B, T] int64, padded on the right. Returns the logits [B, T, C] of every token."""
        return self.model.read(inputs, self.initial_state(len(inputs)))[0]

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64, no padding. Returns logits [B, T, C], state, and [B, T, ...] of each leaf and gate."""
        outputs, last, states, named = self.model.trace(inputs, state)
        return outputs, last, {**by_address(states), **named}

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """Logits [B, C] of a state."""
        return self.model.last_outputs(state)


class BidirectionalTaggerDecoder:
    """Decoder of the architecture bidirectional_tagger. State: ()."""

    def __init__(self, config: TaggerConfig, weights: Weights) -> None:
        embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
        layers = read_bidirectional_layers(
            CELLS[config.cell],
            weights,
            input_size=config.embed_size,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
        )
        self.encoder = Encoder(layers, embedding)
        self.readout = Readout(weights, 2 * config.hidden_size, config.num_classes)

    def initial_state(self, batch_size: int = 1) -> State:
        """()."""
        return ()

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64, each a text of one token. Returns logits [B, C], ()."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64, whole texts, padded on the right. Returns the logits [B, C] of the last tokens, ()."""
        outputs, lengths = self._encoded(inputs)
        return self.readout(outputs[np.arange(len(inputs)), lengths - 1]), ()

    def token_outputs(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """inputs: [B, T] int64, whole texts, padded on the right. Returns the logits [B, T, C] of every token."""
        return self.readout(self._encoded(inputs)[0])

    def _encoded(self, inputs: NDArray[Any]) -> tuple[Floats, NDArray[np.int64]]:
        """The outputs of the last layer [B, T, 2H], and the lengths [B]."""
        lengths = np.maximum((inputs != PAD).sum(1), 1)  # an empty row is read as a single PAD
        return self.encoder(inputs, lengths).outputs, lengths
