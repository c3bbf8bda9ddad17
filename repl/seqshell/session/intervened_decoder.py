"""The decoder of a session while interventions are active."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.state import Arrays, State, as_array, by_address, leaves
from seqshell.core.text_output import counted
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.session.interventions import Interventions, clamps_of, intervened, steerings_of


class IntervenedDecoder(CheckedDecoder):
    """A model and interventions: every state that it returns is what they make of the model's, and the outputs follow.

    Where the model cannot compute the outputs of a state, they are those of its own step, and the effect shows later.
    """

    reads_padded = False
    draws_blocks = False

    def __init__(self, plain: CheckedDecoder, active: Interventions) -> None:
        vars(self).update(vars(plain))  # the same model, with the same checks
        self.rows_share_weights = False
        self.active = active
        self._steerings, self._clamps = steerings_of(active), clamps_of(active)

    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...], with the clamps."""
        return intervened(super().initial_state(batch_size), (), self._clamps)

    def begun(self, outputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """A state that a text begins with, and its outputs, with the clamps: no token was read to steer after."""
        return self.followed(outputs, state, intervened(state, (), self._clamps))

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B]. Returns outputs [B, V], state. UsageError if the model cannot go on with the interventions."""
        with self._blaming():
            outputs, state = super().step(inputs, state)
            return self.followed(outputs, state, intervened(state, self._steerings, self._clamps))

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T], T >= 1, read token by token. Returns the outputs [B, V] after the last, state."""
        with self._blaming():
            for column in range(inputs.shape[1] - 1):
                _, state = super().step(inputs[:, column], state)
                state = intervened(state, self._steerings, self._clamps)
        return self.step(inputs[:, -1], state)

    def outputs_of_steps(self, ids: list[int], state: State) -> tuple[NDArray[Any], State] | None:
        """None: they are read token by token."""
        return None

    def token_outputs(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """As CheckedDecoder.token_outputs, token by token."""
        return self._stepped(inputs)

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays] | None:
        """As CheckedDecoder.trace, token by token, with the states that the interventions make."""
        steps, traces = [], []
        with self._blaming():
            for column in range(inputs.shape[1]):
                found = super().trace(inputs[:, column : column + 1], state)
                if found is None:
                    return None
                outputs, new, arrays = found
                rows, state = self.followed(outputs[:, 0], new, intervened(new, self._steerings, self._clamps))
                steps.append(rows)
                traces.append({**arrays, **_changed(arrays, new, state)})
        return np.stack(steps, 1), state, {name: np.concatenate([t[name] for t in traces], 1) for name in traces[0]}

    def followed(self, outputs: NDArray[Any], was: State, state: State) -> tuple[NDArray[Any], State]:
        """The outputs of a state that has changed, if the model can compute them; else those that were given."""
        found = None if state is was else self.state_outputs(state)
        return (outputs if found is None else found), state

    @contextmanager
    def _blaming(self) -> Iterator[None]:
        """A context in which a fault of the model is a UsageError that names the interventions."""
        try:
            yield
        except PluginError as error:
            active = counted(len(self.active), "intervention")
            raise UsageError(
                f"{self._model.name} cannot go on with {active}: {error.message}",
                hint="/interventions clear ends them, /undo goes back to before them",
                code="state",
            ) from error


def _changed(arrays: Arrays, was: State, state: State) -> Arrays:
    """The leaves of a trace of one step that the interventions changed: [B, 1, ...] by address."""
    changed = zip(by_address(state), leaves(was), leaves(state), strict=True)
    found = {name: as_array(leaf)[:, None] for name, old, leaf in changed if leaf is not old and name in arrays}
    return {name: array for name, array in found.items() if array.shape == arrays[name].shape}
