"""The encoder-decoders in numpy, encoder included; the same values as the torch models in `seq2seq` and
`attention_seq2seq`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import EOS, State
from seqshell.core.state import Arrays, by_address, named_leaves
from seqshell.layers import (
    Encoded,
    Linear,
    LSTMState,
    OutputStack,
    Readout,
    RecurrentStack,
    read_attention,
    read_encoder,
    read_layers,
    read_linear,
    take,
    top_hidden,
)
from seqshell.layers.weights import Floats, Weights
from seqshell_seq2seq.config import CELLS, AttentionConfig, EncoderDecoderConfig, Seq2SeqConfig
from seqshell_seq2seq.states import AttentionState, ContextState, FeedingState

Read = Callable[[NDArray[Any], State, "Floats | None"], "tuple[Floats, State]"]
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
        self.target_vectors = target_vectors = source_vectors = target * config.embedding_scale
        if not config.shared_embedding:
            source = take(weights, "source_embedding.weight", config.source_vocab_size, config.embed_size)
            source_vectors = source * config.embedding_scale
        cell = CELLS[config.cell]
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
        self.recurrent = self.stack_class(RecurrentStack(layers, target_vectors, table_rows=TABLE_ROWS))
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

    @abstractmethod
    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded on the right; lengths: [B]. Returns the state before BOS is read."""


class Seq2SeqDecoder(TranslationDecoder):
    """Decoder of seq2seq. State: LSTMState or [B, L, H]; with feed_context a ContextState."""

    config: Seq2SeqConfig

    def __init__(self, config: Seq2SeqConfig, weights: Weights) -> None:
        super().__init__(config, weights, config.encoded_size if config.feed_context else 0)
        sizes = config.hidden_size, config.readout_size
        self.projection = self.stepped(read_linear(weights, "projection.", *sizes)) if sizes[0] != sizes[1] else None

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded on the right; lengths: [B]. Returns the state before BOS is read."""
        if self.config.reversed_source:
            source = reversed_rows(source, lengths)
        mask = source_mask(source, lengths)
        encoded = self.encoder(source, lengths)
        recurrent = self.bridge(encoded, mask)
        return ContextState(recurrent, self.bridge.summary(encoded, mask)) if self.config.feed_context else recurrent

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        return self._read(self.recurrent.step, inputs, state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        return self._read(self.recurrent.feed, inputs, state)

    def _read(self, read: Any, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """read: the recurrent layers' step or feed."""
        if isinstance(state, ContextState):
            hidden, recurrent = read(inputs, state.recurrent, state.context)
            state = state._replace(recurrent=recurrent)
        else:
            hidden, state = read(inputs, state)
        return self._logits(hidden), state

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64. Returns logits [B, T, V], state, [B, T, L, H] of each leaf that changes and gate."""
        if isinstance(state, ContextState):
            hidden, recurrent, states, named = self.recurrent.trace(inputs, state.recurrent, state.context)
            return self._logits(hidden), state._replace(recurrent=recurrent), {**_recurrent(states), **named}
        hidden, state, states, named = self.recurrent.trace(inputs, state)
        return self._logits(hidden), state, {**by_address(states), **named}

    def state_outputs(self, state: State) -> NDArray[Any]:
        """The logits [B, V] of a state."""
        return self._logits(top_hidden(state.recurrent if isinstance(state, ContextState) else state))

    def _logits(self, hidden: Floats) -> Floats:
        return self.readout(hidden if self.projection is None else self.projection(hidden))


class AttentionSeq2SeqDecoder(TranslationDecoder):
    """Decoder of attention_seq2seq. State: AttentionState; with input feeding a FeedingState."""

    config: AttentionConfig

    def __init__(self, config: AttentionConfig, weights: Weights) -> None:
        super().__init__(config, weights, config.extra_size)
        self.attention = read_attention(
            config.attention,
            weights,
            hidden_size=config.hidden_size,
            encoded_size=config.encoded_size,
            attention_size=config.attention_size,
        )
        sizes = config.encoded_size + config.hidden_size, config.readout_size
        self.attended = self.stepped(read_linear(weights, "attended.", *sizes))

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded on the right; lengths: [B]. Returns the state before BOS is read."""
        mask = source_mask(source, lengths)
        encoded = self.encoder(source, lengths)
        recurrent, keys = self.bridge(encoded, mask), self.attention.keys(encoded.outputs)
        attention = np.zeros(mask.shape, np.float32)
        if self.config.input_feeding:
            attended = np.zeros((len(source), self.config.readout_size), np.float32)
            return FeedingState(recurrent, encoded.outputs, keys, mask, attention, attended)
        return AttentionState(recurrent, encoded.outputs, keys, mask, attention)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        attended, state = self._step(inputs, state)
        return self.readout(attended), state

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        if self.config.placement == "after" and not self.config.input_feeding:
            # No step needs the attention of the previous one, so only that of the last step is computed.
            hidden, recurrent = self.recurrent.feed(inputs, state.recurrent)
            attended, weights = self._attend(hidden, state)
            return self.readout(attended), state._replace(recurrent=recurrent, attention=weights)
        for column in inputs.T:
            attended, state = self._step(column, state)
        return self.readout(attended), state

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64. Returns logits [B, T, V], state, and [B, T, ...] of each leaf that changes and gate."""
        if self.config.placement == "after" and not self.config.input_feeding:
            hidden, recurrent, states, named = self.recurrent.trace(inputs, state.recurrent)
            source = (part[:, None] for part in (state.keys, state.encoded, state.mask))
            context, weights = self.attention(hidden, *source)
            outputs = self.readout(self._attentional_vector(context, hidden))
            state = state._replace(recurrent=recurrent, attention=weights[:, -1])
            return outputs, state, {**_recurrent(states), **named, "attention": weights}
        traced: list[Arrays] = []

        def read(tokens: NDArray[Any], recurrent: State, extra: Floats | None) -> tuple[Floats, State]:
            hidden, recurrent, states, named = self.recurrent.trace(tokens[:, None], recurrent, extra)
            traced.append({**_recurrent(states), **named})
            return hidden[:, 0], recurrent

        steps = []
        for column in inputs.T:
            attended, state = self._step(column, state, read)
            steps.append(attended)
            traced[-1] |= {
                name: getattr(state, name)[:, None] for name in ("attention", "attended") if hasattr(state, name)
            }
        arrays = {name: np.concatenate([each[name] for each in traced], 1) for name in traced[0]}
        return self.readout(np.stack(steps, 1)), state, arrays

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The logits [B, V] of a state; None if attention comes before the step, and so depends on the state before."""
        if self.config.placement == "before":
            return None
        return self.readout(self._attend(top_hidden(state.recurrent), state)[0])

    def _step(self, inputs: NDArray[Any], state: State, read: Read | None = None) -> tuple[Floats, State]:
        """inputs: [B]. Returns the attentional vectors [B, R], state. read: instead of the recurrent layers' step."""
        read = read or self.recurrent.step
        if self.config.placement == "before":
            context, weights = self._context(top_hidden(state.recurrent), state)
            hidden, recurrent = read(inputs, state.recurrent, context)
            attended = self._attentional_vector(context, hidden)
            return attended, state._replace(recurrent=recurrent, attention=weights)
        fed = state.attended if self.config.input_feeding else None
        hidden, recurrent = read(inputs, state.recurrent, fed)
        attended, weights = self._attend(hidden, state)
        state = state._replace(recurrent=recurrent, attention=weights)
        return attended, state if fed is None else state._replace(attended=attended)

    def _attend(self, hidden: Floats, state: State) -> tuple[Floats, Floats]:
        """hidden: [B, H]. Returns the attentional vectors [B, R] and the weights [B, S]."""
        context, weights = self._context(hidden, state)
        return self._attentional_vector(context, hidden), weights

    def _context(self, query: Floats, state: State) -> tuple[Floats, Floats]:
        """query: [B, H]. Returns the contexts [B, M] and the weights [B, S]."""
        if len(query) == 1:  # matrix-vector products are faster than those with a matrix of one row
            context, weights = self.attention(query[0], state.keys[0], state.encoded[0], state.mask[0])
            return context[None], weights[None]
        return self.attention(query, state.keys, state.encoded, state.mask)

    def _attentional_vector(self, context: Floats, hidden: Floats) -> Floats:
        """tanh(W [c; h] + b): [B, R]."""
        attended = self.attended(np.concatenate((context, hidden), axis=-1))
        return np.tanh(attended, attended)


class Bridge:
    """From the encoder's states to the decoder's initial state, see `encoders.Bridge`."""

    def __init__(self, config: EncoderDecoderConfig, weights: Weights) -> None:
        self.config = config
        sizes = config.encoded_size, config.hidden_size
        fits = sizes[0] == sizes[1]
        has_cell = config.cell == "lstm" and config.context == "last"
        self.hidden = None if fits else read_linear(weights, "bridge.hidden.", *sizes)
        self.cell = None if fits or not has_cell else read_linear(weights, "bridge.cell.", *sizes)

    def summary(self, encoded: Encoded, mask: NDArray[Any]) -> Floats:
        """One vector for the source, [B, M]. mask: [B, S], True at tokens."""
        if self.config.context == "mean":
            mean: Floats = encoded.outputs.sum(1) / mask.sum(1, keepdims=True, dtype=np.float32)  # padding is zero
            return mean
        if self.config.context == "max":
            largest: Floats = np.where(mask[..., None], encoded.outputs, -np.inf).max(1)
            return largest
        return encoded.hidden[:, -1].copy()

    def __call__(self, encoded: Encoded, mask: NDArray[Any]) -> State:
        """The state of the decoder's recurrent layers: LSTMState, or [B, L, H]."""
        layers = self.config.num_layers
        by_layer = self.config.context == "last" and encoded.hidden.shape[1] == layers
        hidden = encoded.hidden  # [B, L, M]
        if not by_layer:
            hidden = self.summary(encoded, mask)[:, None].repeat(layers, axis=1)
        if self.hidden is not None:
            hidden = np.tanh(self.hidden(hidden))
        if self.config.cell != "lstm":
            return hidden
        if encoded.cell is None or self.config.context != "last":
            return LSTMState(hidden, np.zeros_like(hidden))
        cell = encoded.cell if by_layer else encoded.cell[:, -1:].repeat(layers, axis=1)
        return LSTMState(hidden, cell if self.cell is None else self.cell(cell))


def _recurrent(states: State) -> Arrays:
    """The states of the recurrent layers after every step, by the addresses of their leaves."""
    return dict(named_leaves(states, "recurrent"))


def source_mask(source: NDArray[Any], lengths: NDArray[Any]) -> NDArray[np.bool_]:
    """source: [B, S]; lengths: [B]. Returns [B, S], True at tokens and False at padding."""
    mask: NDArray[np.bool_] = np.arange(source.shape[1]) < lengths[:, None]
    return mask


def reversed_rows(source: NDArray[Any], lengths: NDArray[Any]) -> NDArray[Any]:
    """Each row of source [B, S] reversed up to its length, with its padding left in place."""
    times = np.arange(source.shape[1])
    mirrored = lengths[:, None] - 1 - times
    return np.take_along_axis(source, np.where(mirrored >= 0, mirrored, times), 1)
