"""The decoder of a model for FORECAST as a session uses it: it reads the ids of rows and looks up their values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import UsageError
from seqshell.core.model import Series, own_method
from seqshell.core.series_tokenizer import Values
from seqshell.core.state import Arrays, State
from seqshell.core.text_output import exact

MAX_DEVIATION = 1e6  # standard deviations from the mean of the training data; anything beyond is an error in the input


class ValueDecoder:
    """A Decoder of normalised values as one of ids: looks up their values and normalises them by the scale of
    their series."""

    def __init__(self, decoder: Decoder, values: Values, series: Series) -> None:
        self._decoder = decoder
        self._values = values
        self._mean, self._std = np.array(series.mean), np.array(series.std)
        self._series = series

    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...]."""
        return self._decoder.initial_state(batch_size)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] ids, or [B, F] float32, normalised. Returns outputs [B, K, F, Q], state."""
        return self._decoder.step(self._normalised(inputs), state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] ids, or [B, T, F] float32, normalised; T >= 1.

        Returns the outputs [B, K, F, Q] after the last, state.
        """
        return self._decoder.feed(self._normalised(inputs), state)

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The outputs that belong to a state; None if the decoder cannot compute them."""
        method = own_method(self._decoder, "state_outputs", "state")
        return None if method is None else method(state)

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays] | None:
        """inputs: [B, T] ids. As the decoder's trace; None if it has none."""
        method = own_method(self._decoder, "trace", "inputs", "state")
        return None if method is None else method(self._normalised(inputs), state)

    def _normalised(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        if np.issubdtype(inputs.dtype, np.floating):
            return inputs.astype(np.float32, copy=False)
        rows = self._values.rows(inputs)
        mean, std = self._values.scales(inputs) or (np.broadcast_to(self._mean, rows.shape), self._std)
        normalised = (rows - mean) / std
        far = np.argwhere(np.abs(normalised) > MAX_DEVIATION)
        if len(far):
            column = far[0][-1]
            name, at, spread = self._series.columns[column], mean[tuple(far[0])], np.broadcast_to(std, rows.shape)
            raise UsageError(
                f"{exact(rows[tuple(far[0])])} is too far from the training data: "
                f"{name} has the mean {at:.4g} and the standard deviation {spread[tuple(far[0])]:.4g}"
            )
        single: NDArray[np.float32] = normalised.astype(np.float32)
        return single
