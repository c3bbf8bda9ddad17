"""The decoder of attention_seq2seq in numpy; the same values as the torch model in `attention_seq2seq`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import State
from seqshell.core.state import Arrays
from seqshell.layers import read_attention, read_linear, top_hidden
from seqshell.layers.weights import Floats, Weights
from seqshell_seq2seq.config import AttentionConfig
from seqshell_seq2seq.decoders import TranslationDecoder, recurrent_arrays
from seqshell_seq2seq.numpy_sources import marked, source_mask
from seqshell_seq2seq.position_attention import PositionAttention
from seqshell_seq2seq.states import AttentionState, FeedingState

Step = Callable[[NDArray[Any], State, "Floats | None"], "tuple[Floats, State]"]


class AttentionSeq2SeqDecoder(TranslationDecoder):
    """Decoder of attention_seq2seq. State: AttentionState; with input feeding a FeedingState."""

    config: AttentionConfig

    def __init__(self, config: AttentionConfig, weights: Weights) -> None:
        super().__init__(config, weights, config.extra_size)
        self.attention = (
            PositionAttention(config, weights)
            if config.attention == "position"
            else read_attention(
                config.attention,
                weights,
                hidden_size=config.hidden_size,
                encoded_size=config.encoded_size,
                attention_size=config.attention_size,
            )
        )
        self.attended = None
        if config.readout_inputs == "attentional":
            sizes = config.encoded_size + config.hidden_size, config.readout_size
            self.attended = self.stepped(read_linear(weights, "attended.", *sizes))

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded on the right; lengths: [B]. Returns the state before BOS is read."""
        attention = np.zeros(source.shape, np.float32)
        source, lengths = marked(source, lengths, self.config.source_marks)
        mask = source_mask(source, lengths)
        encoded = self.encoded(source, lengths)
        recurrent, keys = self.bridge(encoded, mask), self.attention.keys(encoded.outputs)
        if self.config.input_feeding:
            attended = np.zeros((len(source), self.config.readout_size), np.float32)
            return FeedingState(recurrent, encoded.outputs, keys, mask, attention, attended)
        return AttentionState(recurrent, encoded.outputs, keys, mask, attention)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        read, state = self._step(inputs, state)
        return self.readout(read), state

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        if self.config.placement == "after" and not self.config.input_feeding:
            # No step needs the attention of the previous one, so only that of the last step is computed.
            hidden, recurrent = self.recurrent.feed(inputs, state.recurrent)
            context, weights = self._context(hidden, state)
            read = self._reading(hidden, context, inputs[:, -1])
            return self.readout(read), state._replace(recurrent=recurrent, attention=by_given_tokens(weights, state))
        for column in inputs.T:
            read, state = self._step(column, state)
        return self.readout(read), state

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64. Returns logits [B, T, V], state, and [B, T, ...] of each leaf that changes and gate."""
        if self.config.placement == "after" and not self.config.input_feeding:
            hidden, recurrent, states, named = self.recurrent.trace(inputs, state.recurrent)
            source = (part[:, None] for part in (state.keys, state.encoded, state.mask))
            context, weights = self.attention(hidden, *source)
            weights = by_given_tokens(weights, state)
            outputs = self.readout(self._reading(hidden, context, inputs))
            state = state._replace(recurrent=recurrent, attention=weights[:, -1])
            return outputs, state, {**recurrent_arrays(states), **named, "attention": weights}
        traced: list[Arrays] = []

        def step(tokens: NDArray[Any], recurrent: State, extra: Floats | None) -> tuple[Floats, State]:
            hidden, recurrent, states, named = self.recurrent.trace(tokens[:, None], recurrent, extra)
            traced.append({**recurrent_arrays(states), **named})
            return hidden[:, 0], recurrent

        steps = []
        for column in inputs.T:
            read, state = self._step(column, state, step)
            steps.append(read)
            traced[-1] |= {
                name: getattr(state, name)[:, None] for name in ("attention", "attended") if hasattr(state, name)
            }
        arrays = {name: np.concatenate([each[name] for each in traced], 1) for name in traced[0]}
        return self.readout(np.stack(steps, 1)), state, arrays

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The logits [B, V] of a state; None if they depend on the state before it or on the token that was read."""
        hidden = top_hidden(state.recurrent)
        if self.config.readout_inputs == "hidden":
            return self.readout(hidden)
        if self.config.placement == "before" or self.config.readout_inputs == "all":
            return None
        return self.readout(self._attentional_vector(self._context(hidden, state)[0], hidden))

    def _step(self, inputs: NDArray[Any], state: State, step: Step | None = None) -> tuple[Floats, State]:
        """inputs: [B]. Returns what the read-out reads, [B, R], and the state. step: of the recurrent layers."""
        step = step or self.recurrent.step
        if self.config.placement == "before":
            query, vectors = top_hidden(state.recurrent), self.target_vectors[inputs]
            if isinstance(self.attention, PositionAttention):
                context, weights = self._context(np.concatenate((vectors, query), -1), state)
                seen = self.attention.combined(vectors, context)
            else:
                context, weights = self._context(query, state)
                seen = context
            hidden, recurrent = step(inputs, state.recurrent, seen)
        else:
            fed = state.attended if self.config.input_feeding else None
            hidden, recurrent = step(inputs, state.recurrent, fed)
            context, weights = self._context(hidden, state)
        read = self._reading(hidden, context, inputs)
        state = state._replace(recurrent=recurrent, attention=by_given_tokens(weights, state))
        return read, state._replace(attended=read) if self.config.input_feeding else state

    def _context(self, query: Floats, state: State) -> tuple[Floats, Floats]:
        """The contexts [B, M] and the weights [B, S], with BOS if it was added. query: as the attention reads it."""
        if len(query) == 1:  # matrix-vector products are faster than those with a matrix of one row
            context, weights = self.attention(query[0], state.keys[0], state.encoded[0], state.mask[0])
            return context[None], weights[None]
        return self.attention(query, state.keys, state.encoded, state.mask)

    def _reading(self, hidden: Floats, context: Floats, inputs: NDArray[Any]) -> Floats:
        """What the read-out reads, [..., R], of hidden states [..., H], contexts [..., M] and tokens [...]."""
        if self.config.readout_inputs == "hidden":
            return hidden
        if self.config.readout_inputs == "all":
            return np.concatenate((hidden, context, self.target_vectors[inputs]), axis=-1)
        return self._attentional_vector(context, hidden)

    def _attentional_vector(self, context: Floats, hidden: Floats) -> Floats:
        """tanh(W [c; h] + b): [..., R]."""
        assert self.attended is not None
        attended = self.attended(np.concatenate((context, hidden), axis=-1))
        return np.tanh(attended, attended)


def by_given_tokens(weights: Floats, state: State) -> Floats:
    """Attention [..., S] to the tokens that `encode` was given: what BOS got, if added, counts as that of EOS."""
    if weights.shape[-1] == state.attention.shape[1]:
        return weights
    given, first = weights[..., 1:].copy(), weights[..., 0]
    rows, last = np.arange(len(given)), state.mask.sum(1) - 2  # the place of EOS without BOS
    given[rows, ..., last] += first
    return given
