"""The architecture forecaster in numpy; the same values as the torch modules in `forecasters`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State, map_leaves
from seqshell.layers import RecurrentStack, read_layers, read_linear, take
from seqshell.layers.weights import Floats, Weights
from seqshell_forecaster.config import ForecasterConfig
from seqshell_forecaster.states import WindowState


def make_decoder(config: ForecasterConfig, weights: Weights) -> StreamingDecoder | WindowDecoder:
    """The decoder for a config: WindowDecoder if it has a window, else StreamingDecoder."""
    return WindowDecoder(config, weights) if config.window else StreamingDecoder(config, weights)


class StreamingDecoder:
    """Forecasts from a recurrent state over all values. Weights: as in `forecasters.StreamingForecaster`."""

    def __init__(self, config: ForecasterConfig, weights: Weights) -> None:
        self.config = config
        self.recurrent = _stack(config, weights, config.num_features)
        self.readout = read_linear(
            weights, "readout.", config.hidden_size, config.horizon * config.num_features * config.quantiles
        )

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, H]; for the LSTM an LSTMState of two."""
        return self.recurrent.initial_state(batch_size)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, F]. Returns forecasts [B, K, F, Q], state."""
        hidden, state = self.recurrent.step(inputs, state)
        return self._forecast(hidden, inputs), state

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T, F]. Returns the forecasts [B, K, F, Q] after the last step, state."""
        hidden, state = self.recurrent.feed(inputs, state)
        return self._forecast(hidden, inputs[:, -1]), state

    def _forecast(self, hidden: Floats, last: Floats) -> Floats:
        config = self.config
        raw = self.readout(hidden).reshape(len(hidden), config.horizon, config.num_features, config.quantiles)
        return _quantiles(config, raw, last)


class WindowDecoder:
    """Forecasts from segments of the last W values. Weights: as in `forecasters.WindowForecaster`.

    State: WindowState.
    """

    def __init__(self, config: ForecasterConfig, weights: Weights) -> None:
        self.config = config
        width, size = config.segment * config.num_features, config.hidden_size
        self.segment = read_linear(weights, "segment.", width, size)
        self.recurrent = _stack(config, weights, size)
        self.places = take(weights, "places", config.num_outputs, size)
        self.readout = read_linear(weights, "readout.", size, width * config.quantiles)

    def initial_state(self, batch_size: int = 1) -> State:
        """The state before the first value."""
        config = self.config
        return WindowState(
            np.zeros((batch_size, config.window, config.num_features), np.float32), np.zeros(batch_size, np.bool_)
        )

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, F]. Returns forecasts [B, K, F, Q], state."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T, F]. Returns the forecasts [B, K, F, Q] after the last step, state."""
        before = np.where(state.started[:, None, None], state.values, inputs[:, :1])
        window = np.concatenate((before, inputs), 1)[:, -self.config.window :].astype(np.float32)  # [B, W, F], a copy
        return self._forecast(window), WindowState(window, np.ones_like(state.started))

    def _forecast(self, window: Floats) -> Floats:
        config, batch = self.config, len(window)
        last = window[:, -1]
        if config.subtract_last:
            window = window - last[:, None]
        segments = self.segment(window.reshape(batch * (config.window // config.segment), -1))  # [B W/S, H]
        np.maximum(segments, 0, out=segments)
        _, state = self.recurrent.feed(
            segments.reshape(batch, -1, config.hidden_size), self.recurrent.initial_state(batch)
        )
        # One step for each segment of the horizon, all from the same state.
        repeated = map_leaves(lambda leaf: np.repeat(leaf, config.num_outputs, 0), state)
        hidden, _ = self.recurrent.step(np.tile(self.places, (batch, 1)), repeated)  # [B K/S, H]
        raw = self.readout(hidden).reshape(batch, -1, config.num_features, config.quantiles)
        return _quantiles(config, raw[:, : config.horizon], last)


def _stack(config: ForecasterConfig, weights: Weights, input_size: int) -> RecurrentStack:
    return RecurrentStack(
        read_layers(
            config.kind, weights, input_size=input_size, hidden_size=config.hidden_size, num_layers=config.num_layers
        )
    )


def _quantiles(config: ForecasterConfig, raw: Floats, last: Floats) -> Floats:
    """The quantiles [B, K, F, Q] in order, see `forecasters.Forecaster._quantiles`. raw: [B, K, F, Q]; last: [B, F]."""
    middle = config.quantiles // 2
    point = raw[..., middle : middle + 1]
    if config.subtract_last:
        point = point + last[:, None, :, None]
    if not middle:
        return point
    low, high = (np.logaddexp(np.float32(0), part) for part in (raw[..., :middle], raw[..., middle + 1 :]))  # softplus
    return np.concatenate((point - low[..., ::-1].cumsum(-1)[..., ::-1], point, point + high.cumsum(-1)), -1)
