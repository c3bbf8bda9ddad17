"""The setting `copy` of attention_seq2seq in numpy; the same values as the torch model in `copying`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import State
from seqshell.core.state import Arrays, named_leaves
from seqshell.layers import read_linear, take, top_hidden
from seqshell.layers.weights import Floats, Weights
from seqshell_seq2seq.attention_decoders import AttentionSeq2SeqDecoder, Step
from seqshell_seq2seq.config import AttentionConfig
from seqshell_seq2seq.states import CopyState, CoverageState

SMALLEST = np.float32(1e-30)  # a probability of copying


class CopyingDecoder(AttentionSeq2SeqDecoder):
    """Decoder of attention_seq2seq with copy. State: CopyState; with coverage_weight a CoverageState."""

    def __init__(self, config: AttentionConfig, weights: Weights) -> None:
        super().__init__(config, weights)
        self._gate = read_linear(weights, "gate.", config.readout_size + config.embed_size, 1)
        self._covered = take(weights, "covered.weight", config.key_size, 1)[:, 0] if config.coverage_weight else None

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded on the right; lengths: [B]. Returns the state before BOS is read."""
        state = super().encode(source, lengths)
        source = np.array(source, np.int64)
        return CopyState(state, source) if self._covered is None else CoverageState(state, source, state.attention)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns log-probabilities [B, V], state."""
        return self._read_one(inputs, state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the log-probabilities [B, V] after the last token, state."""
        for column in inputs.T:
            outputs, state = self._read_one(column, state)
        return outputs, state

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64. Returns log-probabilities [B, T, V], state, and [B, T, ...] of each leaf that changes
        and gate.
        """
        traced: list[Arrays] = []
        steps: list[NDArray[Any]] = []

        def read(tokens: NDArray[Any], recurrent: State, extra: Floats | None) -> tuple[Floats, State]:
            hidden, recurrent, states, named = self.recurrent.trace(tokens[:, None], recurrent, extra)
            traced.append({**dict(named_leaves(states, "attending.recurrent")), **named})
            return hidden[:, 0], recurrent

        for column in inputs.T:
            outputs, state = self._read_one(column, state, read)
            steps.append(outputs)
            changed = {f"attending.{name}": getattr(state.attending, name, None) for name in ("attention", "attended")}
            changed["coverage"] = getattr(state, "coverage", None)
            traced[-1] |= {name: leaf[:, None] for name, leaf in changed.items() if leaf is not None}
        arrays = {name: np.concatenate([each[name] for each in traced], 1) for name in traced[0]}
        return np.stack(steps, 1), state, arrays

    def state_outputs(self, state: State) -> None:
        """None: the outputs depend on the token that was read, which is not in the state."""

    def features(self, state: State) -> NDArray[Any]:
        """[B, H]: the hidden state of the last layer over the target."""
        hidden: NDArray[Any] = top_hidden(state.attending.recurrent)
        return hidden

    def _read_one(self, inputs: NDArray[Any], state: State, read: Step | None = None) -> tuple[Floats, State]:
        """inputs: [B]. Returns log-probabilities [B, V], state. read: instead of the recurrent layers' step."""
        attending = state.attending
        if self._covered is not None:
            keys = attending.keys + state.coverage[..., None] * self._covered
            attended, attending = self._step(inputs, attending._replace(keys=keys), read)
            attending = attending._replace(keys=state.attending.keys)
            state = state._replace(coverage=state.coverage + attending.attention)
        else:
            attended, attending = self._step(inputs, attending, read)
        gate = self._gate(np.concatenate((attended, self.target_vectors[inputs]), -1))  # [B, 1]
        return _mixture(self.readout(attended), gate, attending.attention, state.source), state._replace(
            attending=attending
        )


def attention_decoder(config: AttentionConfig, weights: Weights) -> AttentionSeq2SeqDecoder:
    """The decoder of attention_seq2seq for a config."""
    return (CopyingDecoder if config.copy else AttentionSeq2SeqDecoder)(config, weights)


def _mixture(logits: Floats, gate: Floats, weights: Floats, source: NDArray[Any]) -> Floats:
    """log(g softmax(logits) + (1 - g) copied): [B, V]. gate: the logit [B, 1] of g; weights, source: [B, S]."""
    largest = logits.max(-1, keepdims=True)
    written = logits - largest
    written -= np.log(np.exp(written).sum(-1, keepdims=True))
    rows, size = logits.shape
    places = source + size * np.arange(rows)[:, None]
    copied = np.bincount(places.ravel(), weights.ravel(), rows * size).reshape(logits.shape).astype(np.float32)
    from_source = np.log(np.maximum(copied, SMALLEST)) - np.logaddexp(0, gate)
    outputs: Floats = np.logaddexp(written - np.logaddexp(0, -gate), from_source)
    return outputs
