"""The base class of the encoder-decoders in numpy, encoder included, and seq2seq; the same values as in torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import EOS, State
from seqshell.core.state import Arrays, by_address, named_leaves
from seqshell.layers import (
    Encoded,
    Linear,
    OutputStack,
    Readout,
    RecurrentStack,
    read_encoder,
    read_layers,
    read_linear,
    take,
    top_hidden,
)
from seqshell.layers.weights import Floats, Weights
from seqshell_seq2seq.config import EncoderDecoderConfig, Seq2SeqConfig
from seqshell_seq2seq.numpy_bridge import Bridge, combined
from seqshell_seq2seq.numpy_sources import marked, padded, reversed_rows, source_mask
from seqshell_seq2seq.states import ContextState

TABLE_ROWS = 64  # with this number of rows at a time, computing the input products of the whole vocabulary pays off


class TranslationDecoder(ABC):
    """Base class of both decoders: embeddings, encoder, bridge, recurrent layers over the target and read-out.

    stack_class: what computes the steps of the recurrent layers.
    """

    stack_class: ClassVar[type[OutputStack]] = OutputStack

    def __init__(self, config: EncoderDecoderConfig, weights: Weights, extra_size: int) -> None:
        """extra_size: the number of inputs of the recurrent layers besides the target embedding."""
        self.config = config
        target = take(weights, "target_embedding.weight", config.target_vocab_size, config.embed_size)
        self.target_vectors = source_vectors = target * config.embedding_scale
        if not config.shared_embedding:
            source = take(weights, "source_embedding.weight", config.source_vocab_size, config.embed_size)
            source_vectors = source * config.embedding_scale
        cell = config.cell_name
        self.encoder = read_encoder(
            cell,
            weights,
            input_size=config.embed_size,
            hidden_size=config.encoder_size,
            num_layers=config.encoder_layers,
            bidirectional=config.bidirectional,
            vectors=source_vectors,
        )
        self.bridge = Bridge(config, weights)
        sizes = {
            "input_size": config.embed_size + extra_size,
            "hidden_size": config.hidden_size,
            "num_layers": config.num_layers,
        }
        layers = read_layers(cell, weights, **sizes, prefix="decoder.")
        self.recurrent = self.stack_class(RecurrentStack(layers, self.target_vectors, table_rows=TABLE_ROWS))
        self.backend, self.num_threads = self.recurrent.backend, self.recurrent.num_threads
        embedding = target if config.tied else None
        self.readout = self.stepped(
            Readout(weights, config.readout_size, config.target_vocab_size, embedding=embedding)
        )

    def stepped(self, layer: Linear) -> Linear:
        """The same layer, as steps compute it."""
        return layer

    def initial_state(self, batch_size: int = 1) -> State:
        """The encoding of an empty source, which is EOS alone."""
        return self.encode(np.full((batch_size, 1), EOS), np.ones(batch_size, np.int64))

    def features(self, state: State) -> NDArray[Any]:
        """[B, H]: the hidden state of the last layer over the target."""
        hidden: NDArray[Any] = top_hidden(getattr(state, "recurrent", state))
        return hidden

    def encoded(self, source: NDArray[Any], lengths: NDArray[Any]) -> Encoded:
        """The encoder's states, with the outputs of both directions as the setting `directions` says."""
        found = self.encoder(source, lengths)
        return found._replace(outputs=combined(found.outputs, self.config))

    @abstractmethod
    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded on the right; lengths: [B]. Returns the state before BOS is read."""


class Seq2SeqDecoder(TranslationDecoder):
    """Decoder of seq2seq. State: LSTMState or [B, L, H]; with feed_context a ContextState."""

    config: Seq2SeqConfig

    def __init__(self, config: Seq2SeqConfig, weights: Weights) -> None:
        super().__init__(config, weights, config.encoded_size if config.feed_context else 0)
        sizes = config.read_size, config.readout_size
        self.projection = self.stepped(read_linear(weights, "projection.", *sizes)) if sizes[0] != sizes[1] else None

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded on the right; lengths: [B]. Returns the state before BOS is read."""
        source, lengths = marked(source, lengths, self.config.source_marks)
        if self.config.reversed_source:
            source = reversed_rows(source, lengths)
        if self.config.padded_to:
            source, lengths = padded(source, lengths, self.config.padded_to)
        mask = source_mask(source, lengths)
        encoded = self.encoded(source, lengths)
        recurrent = self.bridge(encoded, mask)
        return ContextState(recurrent, self.bridge.summary(encoded, mask)) if self.config.feed_context else recurrent

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        hidden, after = self._read(self.recurrent.step, inputs, state)
        return self._logits(hidden, inputs, state), after

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        hidden, after = self._read(self.recurrent.feed, inputs, state)
        return self._logits(hidden, inputs[:, -1], state), after

    def _read(self, read: Any, inputs: NDArray[Any], state: State) -> tuple[Floats, State]:
        """The hidden states [B, H] of the last layer, and the state. read: the recurrent layers' step or feed."""
        if isinstance(state, ContextState):
            hidden, recurrent = read(inputs, state.recurrent, state.context)
            return hidden, state._replace(recurrent=recurrent)
        hidden, state = read(inputs, state)
        return hidden, state

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64. Returns logits [B, T, V], state, [B, T, L, H] of each leaf that changes and gate."""
        if isinstance(state, ContextState):
            hidden, recurrent, states, named = self.recurrent.trace(inputs, state.recurrent, state.context)
            logits = self._logits(hidden, inputs, state)
            return logits, state._replace(recurrent=recurrent), {**recurrent_arrays(states), **named}
        hidden, after, states, named = self.recurrent.trace(inputs, state)
        return self._logits(hidden, inputs, state), after, {**by_address(states), **named}

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The logits [B, V] of a state; None if they depend on the token that was read, too."""
        if self.config.readout_inputs == "all":
            return None
        return self._read_out(top_hidden(state.recurrent if isinstance(state, ContextState) else state))

    def _logits(self, hidden: Floats, inputs: NDArray[Any], state: State) -> Floats:
        """hidden: [B, H] or [B, T, H], the states after the tokens `inputs`. Returns the logits after each."""
        if self.config.readout_inputs == "all":
            context = state.context if hidden.ndim == 2 else state.context[:, None]
            shape = *hidden.shape[:-1], context.shape[-1]
            parts = hidden, np.broadcast_to(context, shape), self.target_vectors[inputs]
            hidden = np.concatenate(parts, axis=-1)
        return self._read_out(hidden)

    def _read_out(self, hidden: Floats) -> Floats:
        return self.readout(hidden if self.projection is None else self.projection(hidden))


def recurrent_arrays(states: State) -> Arrays:
    """The states of the recurrent layers after every step, by the addresses of their leaves."""
    return dict(named_leaves(states, "recurrent"))
