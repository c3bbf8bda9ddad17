"""Every model call of a session: outputs are checked, and faults name the model, before anything is committed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from operator import index
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder, SourceDecoder
from seqshell.core.errors import PluginError
from seqshell.core.growth import in_order
from seqshell.core.model import DRAW_BLOCK, Model, own_method
from seqshell.core.plugin_guard import Guard, Owner, WrongReturn
from seqshell.core.quiet_numpy import ignore, restore
from seqshell.core.shortlist import Rule
from seqshell.core.state import Arrays, State, as_array, leaves, map_leaves
from seqshell.core.state_checks import structure_trouble
from seqshell.core.tokenizers import BOS, PAD
from seqshell.core.trace_checks import checked_trace
from seqshell.decoding.features import features
from seqshell.session.snapshot_arrays import detached
from seqshell.session.timeline import Read


class CheckedDecoder:
    """A model's Decoder that checks what it returns. Where [B, V] is written, the shape is [B, *shape].

    numpy does not warn of numbers that are not finite, since they are refused here if they reach the outputs.

    allows_impossible: -inf is valid, for an impossible token, if at least one value of each row is finite; else every
    value must be finite. noun: what a value is called in error messages. reads_padded: rows of different lengths can be
    read together. rows_share_weights: as of a Decoder.
    """

    reads_padded = True

    def __init__(
        self, model: Model, decoder: Decoder, shape: tuple[int, ...], allows_impossible: bool, noun: str
    ) -> None:
        self._model = model
        self._decoder = decoder
        self._step = in_order(decoder.step) if model.grows else decoder.step
        self._feed = in_order(decoder.feed) if model.grows else decoder.feed
        self._draw_block = None if model.grows else own_method(decoder, "draw_block", *DRAW_BLOCK)
        self._allows_impossible = allows_impossible
        self._noun = noun
        self.rows_share_weights = getattr(decoder, "rows_share_weights", False) is True
        self._guard = Guard(f"the model {model.name}", Owner(str(model.header.get("owner", ""))))
        self.shape = shape

    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...]. PluginError if the model fails."""
        with self._guard, np.errstate(all="ignore"):
            return self._decoder.initial_state(batch_size)

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded right; lengths: [B].

        Returns the state before BOS. PluginError if the model fails.
        """
        with self._guard, np.errstate(all="ignore"):
            return cast(SourceDecoder, self._decoder).encode(source, lengths)

    def begin(self, source: Sequence[int]) -> tuple[NDArray[Any], State]:
        """Encode one row of source ids, EOS included, and read BOS.

        Returns outputs [1, V] for the first target token, state.
        """
        return self.step(np.array([BOS]), self.encode(np.array([source], np.int64), np.array([len(source)])))

    def begun(self, outputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """A state that a text begins with, and its outputs, as they are. See IntervenedDecoder."""
        return outputs, state

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns outputs [B, V], state. PluginError if the model fails."""
        before = ignore()
        try:
            outputs, state = self._step(inputs, state)
            # The sum of squares is finite unless a value is not, and takes a quarter of the time of checking each
            # value. It may overflow, or meet an -inf that is allowed: then `_check` decides.
            try:
                is_valid = outputs.shape == (len(inputs), *self.shape) and math.isfinite(np.vdot(outputs, outputs))
            except (TypeError, AttributeError):
                is_valid = False
        except BaseException as error:
            self._failed(error, inputs, 1)
            raise
        finally:
            restore(before)
        if not is_valid:
            self._check(outputs, len(inputs))
        return outputs, state

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T], T >= 1. Returns the outputs [B, V] after the last, state. PluginError if the model fails."""
        try:
            with np.errstate(all="ignore"):
                outputs, new = self._feed(inputs, state)
        except BaseException as error:
            self._failed(error, inputs, 2)
            raise
        self._check(outputs, len(inputs))
        if trouble := structure_trouble(new, state):
            raise self._guard.error(f"returned {trouble}", by=self._feed)
        return detached(outputs), map_leaves(lambda leaf, old: leaf if leaf is old else detached(leaf), new, state)

    @property
    def draws_blocks(self) -> bool:
        """True if `draw_block` may be called."""
        return self._draw_block is not None

    def draw_block(
        self,
        outputs: NDArray[Any],
        state: State,
        rules: Sequence[Rule],
        excluded: Sequence[int],
        numbers: Sequence[float],
    ) -> tuple[Sequence[int], Sequence[NDArray[Any]], Sequence[State]] | None:
        """As Decoder.draw_block, without the tokens from the first on whose outputs are not valid: `step` reports it.

        PluginError if the model fails.
        """
        assert self._draw_block is not None
        before = ignore()
        try:
            found = self._draw_block(outputs, state, rules, excluded, numbers)
            if found is None:
                return None
            ids, rows, states = found
            if not len(ids) == len(rows) == len(states) <= len(numbers):
                raise WrongReturn("draw_block returned lists of other lengths", self._draw_block)
            ids = list(map(index, ids))
            if isinstance(rows, np.ndarray):
                whole, shape = rows, (len(ids), 1, *self.shape)
            else:
                whole = np.concatenate(rows) if rows else np.zeros((0, *self.shape))
                shape = (len(ids), *self.shape)
            if whole.shape != shape or not math.isfinite(np.vdot(whole, whole)):
                valid = next((number for number, row in enumerate(rows) if self.trouble(row, 1)), len(rows))
                ids, rows, states = ids[:valid], rows[:valid], states[:valid]
        except BaseException as error:
            self._guard.blame(error)
            raise
        finally:
            restore(before)
        return ids, rows, states

    def features(self, state: State) -> NDArray[Any]:
        """[B, D] floats. PluginError if the model fails."""
        with self._guard, np.errstate(all="ignore"):
            return features(self._decoder, state)

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The outputs [B, V] that belong to a state; None if it cannot compute them. PluginError if it fails."""
        if self._tells_outputs is None:
            return None
        with self._guard, np.errstate(all="ignore"):
            outputs: NDArray[Any] | None = self._tells_outputs(state)
        if outputs is None:
            return None
        self._check(outputs, len(as_array(next(leaves(state)))))
        return outputs

    @cached_property
    def _tells_outputs(self) -> Callable[[State], Any] | None:
        """The decoder's state_outputs, looked up once, because interventions call it for every token."""
        return own_method(self._decoder, "state_outputs", "state")

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays] | None:
        """inputs: [B, T]. Returns outputs [B, T, V], state and, by name, each leaf and what else the decoder traces,
        [B, T, ...] each; None if it has no trace. PluginError if the model fails.
        """
        method = own_method(self._decoder, "trace", "inputs", "state")
        if method is None:
            return None
        with self._guard, np.errstate(all="ignore"):
            found = method(inputs, state)
            if found is None:
                return None
            outputs, new, arrays = checked_trace(found, method, inputs, state)
        self._check(outputs.reshape(-1, *outputs.shape[2:]), inputs.shape[0] * inputs.shape[1])
        return outputs, new, arrays

    def outputs_of_steps(self, ids: list[int], state: State) -> tuple[NDArray[Any], State] | None:
        """The outputs [T, V] after each of one row of ids, and the state; None if the decoder has no such method.

        PluginError if the model fails.
        """
        method = own_method(self._decoder, "outputs_of_steps", "inputs", "state")
        if method is None:
            return None
        with self._guard, np.errstate(all="ignore"):
            (outputs,), state = method(np.array([ids], np.int64), state)
        self._check(outputs, len(ids))
        return outputs, state

    def token_outputs(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """inputs: [B, T] whole texts, padded right. The outputs of every token [B, T, V], without meaning at padding.

        PluginError if the model fails.
        """
        method = own_method(self._decoder, "token_outputs", "inputs")
        if method is None and self._model.causal:
            return self._stepped(inputs)
        with self._guard, np.errstate(all="ignore"):
            if method is None:
                raise WrongReturn(
                    "has no token_outputs(inputs), which a model that reads whole texts needs", self._feed
                )
            outputs: NDArray[Any] = method(inputs)
        rows = inputs != PAD
        if not isinstance(outputs, np.ndarray) or outputs.shape != (*inputs.shape, *self.shape):
            seen = f"outputs of the shape {list(getattr(outputs, 'shape', ()))}"
            raise self._guard.error(f"returned {seen} instead of {[*inputs.shape, *self.shape]}", by=method)
        self._check(outputs[rows], int(rows.sum()))
        return outputs

    def _stepped(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """The same, token by token."""
        state, steps = self.initial_state(len(inputs)), []
        for column in inputs.T:
            outputs, state = self.step(column, state)
            steps.append(outputs)
        return np.stack(steps, 1)

    def read(self, ids: list[int], how: Read, state: State) -> tuple[NDArray[Any], State]:
        """One row of ids: fed together, or stepped over if it is a single token that was drawn.

        Returns outputs [1, V], state.
        """
        if how == Read.FED:
            return self.feed(np.array([ids], np.int64), state)
        return self.step(np.array(ids, np.int64), state)

    def trouble(self, outputs: Any, num_rows: int) -> str:
        """What is wrong with outputs: their type, their shape or their values, after "returned"; "" if nothing is."""
        shape = (num_rows, *self.shape)
        if not isinstance(outputs, np.ndarray) or not np.issubdtype(outputs.dtype, np.floating):
            return f"{type(outputs).__name__} instead of an array of floats"
        if outputs.shape != shape:
            return f"outputs of the shape {list(outputs.shape)} instead of {list(shape)}"
        if np.isnan(outputs).any():
            return "NaN"
        if not self._is_finite_enough(np.isfinite(outputs)) or np.isposinf(outputs).any():
            return f"infinite {self._noun}"
        return ""

    def _check(self, outputs: Any, num_rows: int) -> None:
        """PluginError if something is wrong with outputs."""
        if trouble := self.trouble(outputs, num_rows):
            raise self._guard.error(f"returned {trouble}")

    def _failed(self, error: BaseException, inputs: Any, dimensions: int) -> None:
        """Raise the error that names the model, or the TypeError that blames the caller."""
        try:
            self._guard.blame(error)
        except PluginError:
            _require_ids(inputs, dimensions)
            raise

    def _is_finite_enough(self, finite: NDArray[np.bool_]) -> bool:
        """finite: [B, *shape]."""
        return bool((finite.any(-1) if self._allows_impossible else finite).all())


def _require_ids(inputs: Any, dimensions: int) -> None:
    """TypeError, which blames the caller, unless a model that failed was given what it can read."""
    if not isinstance(inputs, np.ndarray) or inputs.ndim - (inputs.dtype.kind == "f") != dimensions:  # values: [..., F]
        raise TypeError(f"the model was given {type(inputs).__name__}, not an array with {dimensions} dimensions")
