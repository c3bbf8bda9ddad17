"""The architectures rnn, lstm and gru in numpy; they compute the same as the torch modules in `language_models`."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import NDArray

from seqshell.core.state import Arrays, State, by_address
from seqshell.layers import (
    OutputStack,
    Readout,
    RecurrentStack,
    ResidualStack,
    read_layers,
    read_norms,
    take,
    top_hidden,
)
from seqshell.layers.weights import Weights
from seqshell_recurrent.config import GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig


class RecurrentDecoder:
    """Base class of the decoders. The weights are named as in `language_models.RecurrentLanguageModel`.

    stack_class: what computes the steps.
    """

    stack_class: ClassVar[type[OutputStack]] = OutputStack

    def __init__(self, config: RecurrentConfig, weights: Weights, cell: str) -> None:
        vocab_size, embed_size, hidden_size = config.vocab_size, config.embed_size, config.hidden_size
        embedding = take(weights, "embedding.weight", vocab_size, embed_size) if embed_size else None
        layers = read_layers(
            cell,
            weights,
            input_size=embed_size or vocab_size,
            hidden_size=hidden_size,
            num_layers=config.num_layers,
            output_size=config.output_size,
        )
        norms = None
        if config.layer_norm:
            norms = read_norms(weights, hidden_size=hidden_size, num_layers=config.num_layers)
        one_hot = embedding is None
        if config.residual or config.layer_norm:
            stack: RecurrentStack = ResidualStack(
                layers, embedding, one_hot=one_hot, norms=norms, residual=config.residual
            )
        else:
            stack = RecurrentStack(layers, embedding, one_hot=one_hot)
        readout = Readout(weights, config.top_size, vocab_size, embedding=embedding if config.tied else None)
        self.top_size = config.top_size
        self.stack = self.stack_class(stack, readout)
        self.backend, self.num_threads = self.stack.backend, self.stack.num_threads

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, H]; for the LSTM an LSTMState of two."""
        return self.stack.initial_state(batch_size)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        return self.stack.step(inputs, state)

    def features(self, state: State) -> NDArray[Any]:
        """[B, O]: the hidden state of the last layer."""
        hidden: NDArray[Any] = top_hidden(state)[:, : self.top_size]
        return hidden

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        return self.stack.feed(inputs, state)

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64. Returns logits [B, T, V], state, and [B, T, L, H] of each leaf and gate."""
        logits, state, states, named = self.stack.trace(inputs, state)
        return logits, state, {**by_address(states), **named}

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The logits [B, V] of a state; None with residual connections, by which they depend on the input."""
        return self.stack.last_outputs(state)


class RNNDecoder(RecurrentDecoder):
    """The simple recurrent network. State: one array [B, L, H]."""

    def __init__(self, config: RNNConfig, weights: Weights) -> None:
        super().__init__(config, weights, f"rnn_{config.nonlinearity}")


class LSTMDecoder(RecurrentDecoder):
    """Long short-term memory. State: LSTMState(hidden, cell), [B, L, H] each."""

    def __init__(self, config: LSTMConfig, weights: Weights) -> None:
        super().__init__(config, weights, "lstm")


class GRUDecoder(RecurrentDecoder):
    """The gated recurrent unit. State: one array [B, L, H]."""

    def __init__(self, config: GRUConfig, weights: Weights) -> None:
        super().__init__(config, weights, "gru")
