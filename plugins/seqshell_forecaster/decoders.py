"""The architecture forecaster in numpy; the same values as the torch modules in `forecasters` and `residual`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import Arrays, State, by_address, map_leaves, named_leaves
from seqshell.layers import RecurrentStack, read_layers, read_linear, take, top_hidden
from seqshell.layers.weights import Floats, Weights
from seqshell_forecaster.config import RECENT, VOLATILITY, ForecasterConfig
from seqshell_forecaster.states import ResidualState, WindowState

PREFIX = "recurrent."  # of the names of the recurrent part's weights, beside a linear part

Recurrent: TypeAlias = "StreamingDecoder | WindowDecoder"


def make_decoder(config: ForecasterConfig, weights: Weights) -> Recurrent | ResidualDecoder:
    """The decoder for a config: WindowDecoder or StreamingDecoder, in a ResidualDecoder if it has a linear part."""
    if not config.linear_window:
        return _make_recurrent(config, weights)
    own = {name.removeprefix(PREFIX): weights[name] for name in weights if name.startswith(PREFIX)}
    return ResidualDecoder(config, weights, _make_recurrent(config, own))


def _make_recurrent(config: ForecasterConfig, weights: Weights) -> Recurrent:
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

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T, F]. Returns forecasts [B, T, K, F, Q], state, and [B, T, L, H] of each leaf and gate."""
        hidden, state, states, named = self.recurrent.trace(inputs, state)
        outputs = self._forecast(_rows(hidden), _rows(inputs))
        return _by_steps(outputs, inputs), state, {**by_address(states), **named}

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The forecasts [B, K, F, Q] of a state; None if they are relative to the last value."""
        hidden = top_hidden(state)
        unused = np.empty((len(hidden), self.config.num_features), np.float32)
        return None if self.config.subtract_last else self._forecast(hidden, unused)

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
        window = _following(state.values, state.started, inputs)  # [B, W, F]
        return self._forecast(window), WindowState(window, np.ones_like(state.started))

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T, F]. Returns forecasts [B, T, K, F, Q], state, and each leaf [B, T, ...]."""
        windows = _windows(state.values, state.started, inputs)  # [B, T, W, F]
        started = np.ones(inputs.shape[:2], np.bool_)
        outputs = _by_steps(self._forecast(_rows(windows)), inputs)
        return outputs, WindowState(windows[:, -1].copy(), started[:, -1]), {"values": windows, "started": started}

    def state_outputs(self, state: State) -> NDArray[Any]:
        """The forecasts [B, K, F, Q] of a state."""
        return self._forecast(state.values)

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


class ResidualDecoder:
    """The forecast of a linear map, corrected by a recurrent decoder. Weights: as in `residual.ResidualForecaster`.

    State: ResidualState.
    """

    def __init__(self, config: ForecasterConfig, weights: Weights, recurrent: Recurrent) -> None:
        self.config, self.recurrent = config, recurrent
        size, horizon, num_features = config.linear_window, config.horizon, config.num_features
        self.linear = read_linear(weights, "linear.", size, horizon)
        ends = {name: weights[f"linear.{name}"][[0, -1]] for name in ("weight", "bias")}
        self.ends = read_linear(ends, "", size, 2)  # the first and the last step
        self.scale = take(weights, "scale", horizon, num_features, config.quantiles)
        self.usual_error = take(weights, "usual_error", 2, num_features)

    def initial_state(self, batch_size: int = 1) -> State:
        """The state before the first value."""
        config = self.config
        values = np.zeros((batch_size, config.num_values, config.num_features), np.float32)
        return ResidualState(values, np.zeros(batch_size, np.int64), self.recurrent.initial_state(batch_size))

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, F]. Returns forecasts [B, K, F, Q], state."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T, F]. Returns the forecasts [B, K, F, Q] after the last step, state."""
        outputs, recurrent = self.recurrent.feed(inputs, state.recurrent)
        values = _following(state.values, state.read > 0, inputs)
        read = np.minimum(state.read + inputs.shape[1], values.shape[1])
        return self._forecast(outputs, values, read), ResidualState(values, read, recurrent)

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T, F]. Returns forecasts [B, T, K, F, Q], state, and [B, T, ...] of each leaf and gate."""
        outputs, recurrent, named = self.recurrent.trace(inputs, state.recurrent)
        values = _windows(state.values, state.read > 0, inputs)  # [B, T, num_values, F]
        read = np.minimum(state.read[:, None] + np.arange(1, inputs.shape[1] + 1), values.shape[2])
        forecasts = _by_steps(self._forecast(_rows(outputs), _rows(values), read.reshape(-1)), inputs)
        own = {name: named[name.partition(".")[2] or "0"] for name, _ in named_leaves(recurrent, "recurrent")}
        gates = {name: named[name] for name in named if name in ("hidden", "cell") or name not in by_address(recurrent)}
        state = ResidualState(values[:, -1].copy(), read[:, -1].copy(), recurrent)
        return forecasts, state, {"values": values, "read": read, **own, **gates}

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The forecasts [B, K, F, Q] of a state; None if those of the recurrent part depend on more."""
        outputs = self.recurrent.state_outputs(state.recurrent)
        return None if outputs is None else self._forecast(outputs, state.values, state.read)

    def _forecast(self, outputs: Floats, values: Floats, read: NDArray[np.int64]) -> Floats:
        """outputs: [B, K, F, Q], of the recurrent part; values: [B, num_values, F]."""
        config, middle, last = self.config, self.config.quantiles // 2, values[:, -1]
        point = outputs[..., middle : middle + 1]
        change = point - last[:, None, :, None] if config.subtract_last else point
        windows = values[:, -config.linear_window :].transpose(0, 2, 1)  # [B, F, W]
        forecast = (last[..., None] + self.linear(_relative(windows))).transpose(0, 2, 1)[..., None]  # [B, K, F, 1]
        forecast = forecast + self.scale[..., middle : middle + 1] * change
        if not middle:
            return forecast
        distances = self.scale * self._volatility(values, read)[..., None] * (outputs - point)
        return np.concatenate(
            (forecast + distances[..., :middle], forecast, forecast + distances[..., middle + 1 :]), -1
        )

    def _volatility(self, values: Floats, read: NDArray[np.int64]) -> Floats:
        """The factor of the distances [B, K, F], see `residual.ResidualForecaster`."""
        horizon = self.config.horizon
        windows = np.lib.stride_tricks.sliding_window_view(values[:, :-1], self.config.linear_window, 1)
        forecast = windows[..., -1:] + self.ends(_relative(windows))  # [B, RECENT + K - 1, F, 2]
        made = np.stack((forecast[:, horizon - 1 :, :, 0], forecast[:, :RECENT, :, 1]), 1)  # [B, 2, RECENT, F]
        errors = np.abs(values[:, None, -RECENT:] - made) / self.usual_error[:, None]
        rows = np.arange(RECENT, 0, -1)  # counted from the last one
        ahead = np.array([[1], [horizon]])
        known = rows + ahead <= read[:, None, None]  # [B, 2, RECENT]
        first, last = np.where(known[..., None], errors, 1).mean(2).clip(*VOLATILITY).swapaxes(0, 1)  # [B, F]
        share = np.linspace(0, 1, horizon)[:, None]
        factor: Floats = (first[:, None] + share * (last - first)[:, None]).astype(np.float32)
        return factor


def _relative(windows: Floats) -> Floats:
    """The inputs of the linear part: differences from the last value, then that value. windows: [..., W]."""
    last = windows[..., -1:]
    return np.concatenate((windows[..., :-1] - last, last), -1)


def _following(values: Floats, started: NDArray[np.bool_], inputs: Floats) -> Floats:
    """The last values [B, W, F] after inputs [B, T, F]; before the start, the first input fills them. A copy."""
    return _history(values, started, inputs)[:, -values.shape[1] :].astype(np.float32)


def _windows(values: Floats, started: NDArray[np.bool_], inputs: Floats) -> Floats:
    """The last values after each of the inputs [B, T, F]: [B, T, W, F]."""
    places = np.arange(1, inputs.shape[1] + 1)[:, None] + np.arange(values.shape[1])
    return _history(values, started, inputs)[:, places].astype(np.float32)


def _history(values: Floats, started: NDArray[np.bool_], inputs: Floats) -> Floats:
    """Values [B, W, F], or before the start the first input in place of each, and then the inputs: [B, W + T, F]."""
    before = np.where(started[:, None, None], values, inputs[:, :1])
    return np.concatenate((before, inputs), 1)


def _rows(steps: NDArray[Any]) -> NDArray[Any]:
    """[B, T, ...] as [B * T, ...]."""
    return steps.reshape(-1, *steps.shape[2:])


def _by_steps(outputs: Floats, inputs: Floats) -> Floats:
    """[B * T, ...] as [B, T, ...]; inputs: [B, T, F]."""
    return outputs.reshape(*inputs.shape[:2], *outputs.shape[1:])


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
