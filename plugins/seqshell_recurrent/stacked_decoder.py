"""The base class of decoders that are a stack of layers and a read-out."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import NDArray

from seqshell.core.state import Arrays, State, by_address
from seqshell.layers import OutputStack, Readout, RecurrentStack


class StackedDecoder:
    """Decodes with a stack. stack_class: what computes the steps."""

    stack_class: ClassVar[type[OutputStack]] = OutputStack

    def __init__(self, stack: RecurrentStack, readout: Readout) -> None:
        self.stack = self.stack_class(stack, readout)
        self.backend, self.num_threads = self.stack.backend, self.stack.num_threads

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, H]; for the LSTM an LSTMState of two."""
        return self.stack.initial_state(batch_size)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        return self.stack.step(inputs, state)

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
