"""Every call of the model by a session goes through here: a fault is told with the model's name, before anything was committed."""

from __future__ import annotations

import math
import traceback
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import SourceDecoder
from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.model import Model, Task
from seqshell.core.state import State, map_leaves
from seqshell.core.tokenizers import BOS
from seqshell.session.tasks.value_decoder import decoder_of
from seqshell.session.timeline import Read


def output_shape(model: Model) -> tuple[int, ...]:
    """The shape of what the model tells after a token: V logits, C of labels, or the forecast [K, F, Q]."""
    if model.task is Task.CLASSIFY:
        return (len(model.labels),)
    if model.task is Task.FORECAST and model.series is not None:
        return (model.series.horizon, len(model.series.columns), max(1, len(model.series.quantiles)))
    return (model.tokenizer.size,)


class Reader:
    """A model's Decoder that checks what it returns: outputs [B, V] without NaN or inf, at least one of each row finite, and all
    that are no logits of tokens.

    shape: of one row of outputs, `output_shape` of the model; where [B, V] is written, it is [B, *shape].
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        decoder = decoder_of(model)
        self._step = decoder.step
        self._feed = decoder.feed
        self.shape = output_shape(model)

    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...]."""
        try:
            return self._model.decoder.initial_state(batch_size)
        except (Exception, SystemExit) as error:
            raise self._failed(error) from error

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded right; lengths: [B]. Returns the state before BOS is read. PluginError when the model fails."""
        try:
            return cast(SourceDecoder, self._model.decoder).encode(source, lengths)
        except (Exception, SystemExit) as error:
            raise self._failed(error) from error

    def begin(self, source: Sequence[int]) -> tuple[NDArray[Any], State]:
        """One row of source ids, EOS the last of them: encoded, and BOS read. Returns outputs [1, V] for the first target token, state."""
        return self.step(np.array([BOS]), self.encode(np.array([source], np.int64), np.array([len(source)])))

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns outputs [B, V], state. PluginError when the model fails."""
        try:
            outputs, state = self._step(inputs, state)
        except (Exception, SystemExit) as error:
            raise self._failed(error) from error
        try:  # the sum of squares is finite unless a logit is not: a quarter of the time of looking at each
            sound = outputs.shape == (len(inputs), *self.shape) and math.isfinite(np.vdot(outputs, outputs))
        except (TypeError, AttributeError):
            sound = False
        if not sound:
            self._check(outputs, len(inputs))
        return outputs, state

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T], T >= 1. Returns the outputs [B, V] after the last, state. PluginError when the model fails."""
        try:
            outputs, new = self._feed(inputs, state)
        except (Exception, SystemExit) as error:
            raise self._failed(error) from error
        self._check(outputs, len(inputs))
        return alone(outputs), map_leaves(lambda leaf, old: leaf if leaf is old else alone(leaf), new, state)

    def read(self, ids: list[int], how: Read, state: State) -> tuple[NDArray[Any], State]:
        """One row of ids: fed at once, or stepped over when there is one that was drawn. Returns outputs [1, V], state."""
        if how == Read.FED:
            return self.feed(np.array([ids], np.int64), state)
        return self.step(np.array(ids, np.int64), state)

    def _check(self, outputs: Any, num_rows: int) -> None:
        shape = (num_rows, *self.shape)
        trouble = ""
        if not isinstance(outputs, np.ndarray) or not np.issubdtype(outputs.dtype, np.floating):
            trouble = f"returned {type(outputs).__name__} instead of an array of floats"
        elif outputs.shape != shape:
            trouble = f"returned outputs of the shape {list(outputs.shape)} instead of {list(shape)}"
        elif np.isnan(outputs).any():
            trouble = "returned NaN"
        elif not self._is_sound(np.isfinite(outputs)) or np.isposinf(outputs).any():
            trouble = f"returned infinite {'values' if self._model.task is Task.FORECAST else 'logits'}"
        if trouble:
            raise PluginError(
                f"the model {self._model.name} {trouble}", plugin=str(self._model.header.get("owner", ""))
            )

    def _is_sound(self, finite: NDArray[np.bool_]) -> bool:
        """A token may be impossible, a label or a forecast may not; finite [B, *shape]."""
        return bool((finite.any(-1) if self._model.task in (Task.GENERATE, Task.TRANSLATE) else finite).all())

    def _failed(self, error: Exception | SystemExit) -> SeqshellError:
        if isinstance(error, SeqshellError):
            return error
        details = "".join(traceback.format_exception(error))
        owner = str(self._model.header.get("owner", ""))
        return PluginError(f"the model {self._model.name} failed: {reason(error)}", plugin=owner, details=details)


def reason(error: Exception | SystemExit) -> str:
    """An exception of someone else's code in a few words."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def alone(leaf: Any) -> Any:
    """A copy of an array that shows a part of a larger one, which it would keep alive; others as they are."""
    base = getattr(leaf, "base", None)
    return leaf.copy() if isinstance(base, np.ndarray) and base.nbytes > leaf.nbytes else leaf
