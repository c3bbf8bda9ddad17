"""The architecture forecaster in torch: a recurrent stack over all values, or over segments of the last ones.

The second is SegRNN (Lin et al. 2023, https://arxiv.org/abs/2308.11200, sections 3.2 and 3.3). Both can forecast
quantiles. The decoders are in `decoders`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional, init

from seqshell.core.state import State, map_leaves
from seqshell.layers.modules import RecurrentStack
from seqshell_forecaster.config import ForecasterConfig
from seqshell_forecaster.states import WindowState


def make_forecaster(config: ForecasterConfig) -> Forecaster:
    """The forecaster for a config: WindowForecaster if it has a window, else StreamingForecaster."""
    return WindowForecaster(config) if config.window else StreamingForecaster(config)


class Forecaster(nn.Module, ABC):
    """Base class of both forecasters: from inputs [B, T, F] to Q quantiles of the next K steps, [B, T, K, F, Q].

    The middle quantile is the point forecast. `observe` computes only the state, at a fraction of the cost of forward.
    """

    def __init__(self, config: ForecasterConfig, input_size: int, output_size: int) -> None:
        super().__init__()
        self.config = config
        self.recurrent = RecurrentStack(
            config.kind, input_size, config.hidden_size, config.num_layers, dropout=config.dropout, locked=False
        )
        self.readout = nn.Linear(config.hidden_size, output_size)

    @abstractmethod
    def initial_state(self, batch_size: int = 1) -> State:
        """The state before the first value; leaves [batch_size, ...]."""

    @abstractmethod
    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs: [B, T, F]. Returns forecasts [B, T, K, F, Q], state."""

    @abstractmethod
    def observe(self, inputs: Tensor, state: State) -> State:
        """inputs: [B, T, F]. Returns the state after the last step."""

    def _quantiles(self, raw: Tensor, last: Tensor) -> Tensor:
        """The quantiles [..., K, F, Q] in order. raw: [..., K, F, Q], the read-out; last: [..., F], the last values.

        The middle of raw is the point forecast. The others are, through a softplus, the distances between neighbouring
        quantiles, so that quantiles never cross. The point is detached there: only its own loss trains it.
        """
        middle = self.config.quantiles // 2
        point = raw[..., middle : middle + 1]
        if self.config.subtract_last:
            point = point + last[..., None, :, None]
        if not middle:
            return point
        low, high = functional.softplus(raw[..., :middle]), functional.softplus(raw[..., middle + 1 :])
        fixed = point.detach()
        return torch.cat((fixed - low.flip(-1).cumsum(-1).flip(-1), point, fixed + high.cumsum(-1)), -1)


class StreamingForecaster(Forecaster):
    """A recurrent stack over all values, whose hidden state is read out as the whole horizon.

    Weights: recurrent.{layer}.weight_ih_l0 and so on as torch names them, readout.weight [K * F * Q, H] and
    readout.bias. State: one tensor [B, L, H], for the LSTM an LSTMState of two.
    """

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__(config, config.num_features, config.horizon * config.num_features * config.quantiles)

    def initial_state(self, batch_size: int = 1) -> State:
        return self.recurrent.initial_state(batch_size)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        config = self.config
        hidden, state = self.recurrent(inputs, state)
        raw = self.readout(hidden).unflatten(-1, (config.horizon, config.num_features, config.quantiles))
        return self._quantiles(raw, inputs), state

    def observe(self, inputs: Tensor, state: State) -> State:
        return self.recurrent(inputs, state)[1]


class WindowForecaster(Forecaster):
    """SegRNN (Lin et al. 2023): a recurrent stack reads the last W values in W / S segments of S values.

    From its final state it makes one more step for each segment of the horizon, all in parallel; the input of such a
    step is a learned vector for the segment's position.

    Weights: segment.weight [H, S * F] and segment.bias; recurrent.* as in StreamingForecaster; places [ceil(K / S), H],
    the vectors of the positions; readout.weight [S * F * Q, H] and readout.bias. State: WindowState.
    """

    def __init__(self, config: ForecasterConfig) -> None:
        width = config.segment * config.num_features
        super().__init__(config, config.hidden_size, width * config.quantiles)
        self.segment = nn.Linear(width, config.hidden_size)
        self.places = nn.Parameter(torch.empty(config.num_outputs, config.hidden_size))
        init.normal_(self.places)

    def initial_state(self, batch_size: int = 1) -> State:
        config = self.config
        values = self.places.new_zeros(batch_size, config.window, config.num_features)
        return WindowState(values, torch.zeros(batch_size, dtype=torch.bool, device=values.device))

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        values = self._with_window(inputs, state)
        windows = values.unfold(1, self.config.window, 1)[:, 1:]  # [B, T, F, W]
        return self._forecast(windows.transpose(2, 3)), self._after(values, state)

    def observe(self, inputs: Tensor, state: State) -> State:
        return self._after(self._with_window(inputs, state), state)

    def _with_window(self, inputs: Tensor, state: Any) -> Tensor:
        """The state's window followed by the inputs: [B, W + T, F]."""
        before = torch.where(state.started[:, None, None], state.values, inputs[:, :1])
        return torch.cat((before, inputs), 1)

    def _after(self, values: Tensor, state: Any) -> State:
        return WindowState(values[:, -self.config.window :].contiguous(), torch.ones_like(state.started))

    def _forecast(self, windows: Tensor) -> Tensor:
        """windows: [B, T, W, F]. Returns [B, T, K, F, Q]."""
        config = self.config
        last = windows[:, :, -1]  # [B, T, F]
        if config.subtract_last:
            windows = windows - last[:, :, None]
        num_segments, width = config.window // config.segment, config.segment * config.num_features
        segments = windows.reshape(-1, num_segments, width)  # [B T, W / S, S F]
        _, state = self.recurrent(torch.relu(self.segment(segments)), self.recurrent.initial_state(len(segments)))
        # One step for each segment of the horizon, all from the same state.
        repeated = map_leaves(lambda leaf: leaf.repeat_interleave(config.num_outputs, 0), state)
        places = self.places.repeat(len(segments), 1)[:, None]  # [B T K/S, 1, H]
        hidden, _ = self.recurrent(places, repeated)
        raw = self.readout(hidden).reshape(*last.shape[:2], -1, config.num_features, config.quantiles)
        return self._quantiles(raw[:, :, : config.horizon], last)
