"""A recurrent stack and its read-out as one part of a decoder; compiled ones take its place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.layers.linear import Linear
from seqshell.layers.recurrent import RecurrentStack
from seqshell.layers.weights import Floats


class OutputStack:
    """A RecurrentStack whose outputs pass through a read-out, if there is one. State: that of the stack.

    backend: what computes the steps. num_threads: of a step. O: outputs of the read-out, or H without one.
    """

    backend = "numpy"
    num_threads = 1

    def __init__(self, stack: RecurrentStack, readout: Linear | None = None) -> None:
        self.stack = stack
        self.readout = readout
        self.layers = stack.layers

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, H]; two of them for the LSTM."""
        return self.stack.initial_state(batch_size)

    def step(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B] ids or [B, F]; extra: [B, X]. Returns the outputs [B, O] and the state."""
        hidden, state = self.stack.step(inputs, state, extra)
        return self.read_out(hidden), state

    def feed(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B, T] ids or [B, T, F]; extra: [B, X]. Returns the outputs after the last step [B, O], the state."""
        hidden, state = self.stack.feed(inputs, state, extra)
        return self.read_out(hidden), state

    def read(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """The same, with the outputs of every step [B, T, O]."""
        hidden, state = self.stack.read(inputs, state, extra)
        return self.read_out(hidden), state

    def trace(
        self, inputs: NDArray[Any], state: State, extra: Floats | None = None
    ) -> tuple[Floats, State, State, dict[str, Floats]]:
        """As RecurrentStack.trace, with the outputs [B, T, O]."""
        hidden, state, states, named = self.stack.trace(inputs, state, extra)
        return self.read_out(hidden), state, states, named

    def surprisals(self, inputs: NDArray[Any], targets: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs, targets: [B, T]. Returns the nats of each target by the outputs, as logits, before it; the state."""
        logits, state = self.read(inputs, state)
        logits = logits.astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        own = np.take_along_axis(logits, targets[..., None], -1)[..., 0]
        return np.log(np.exp(logits).sum(-1)) - own, state

    def last_outputs(self, state: State) -> Floats | None:
        """What `step` returned with the state, [B, O]; None if that depends on more than the state."""
        hidden = self.stack.last_outputs(state)
        return None if hidden is None else self.read_out(hidden)

    def read_out(self, hidden: Floats) -> Floats:
        """hidden: [..., H]. Returns [..., O]."""
        return hidden if self.readout is None else self.readout(hidden)
