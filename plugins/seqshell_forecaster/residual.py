"""A linear forecaster with a recurrent part that learns what the linear map misses; the decoder is in `decoders`.

The linear part is NLinear (Zeng et al. 2023, https://arxiv.org/abs/2205.13504, section 4). Training fits it before the
first step and then leaves it as it is. Intervals are scaled by conformal prediction, see `set_scale`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqshell.core.state import State
from seqshell_forecaster.config import RECENT, VOLATILITY, ForecasterConfig
from seqshell_forecaster.forecasters import Forecaster, make_forecaster
from seqshell_forecaster.states import ResidualState


def make_model(config: ForecasterConfig) -> Forecaster | ResidualForecaster:
    """The model for a config: a forecaster, in a ResidualForecaster if it has a linear part."""
    recurrent = make_forecaster(config)
    return ResidualForecaster(config, recurrent) if config.linear_window else recurrent


class ResidualForecaster(nn.Module):
    """The last value, plus a linear map of the last W values relative to it, plus a recurrent forecaster's output.

    A step k of a column f is forecast as last + weight[k] x + bias[k] + scale[k, f] r. x is the window minus its last
    value, with that value itself in the last place, and r is the change that the recurrent part forecasts. A quantile
    is at scale[k, f, q] s[k, f] d from there: d is its distance in the recurrent part, and s is the size of the linear
    part's RECENT last errors relative to its usual one, so that intervals are wider in turbulent times. s[1] is that of
    errors one step ahead, s[K] that of errors a whole horizon ahead, and the steps between lie on a line.

    Weights: linear.weight [K, W], oldest value first, and linear.bias [K], the same for all columns; scale [K, F, Q],
    usual_error [2, F], of the first and the last step: none of them is trained by gradients. recurrent.*: those of the
    recurrent forecaster.
    State: ResidualState.
    """

    def __init__(self, config: ForecasterConfig, recurrent: Forecaster) -> None:
        super().__init__()
        self.config = config
        self.recurrent = recurrent
        self.linear = nn.Linear(config.linear_window, config.horizon).requires_grad_(False)
        for parameter in self.linear.parameters():
            nn.init.zeros_(parameter)
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(config.horizon, config.num_features, config.quantiles))
        self.usual_error: Tensor
        self.register_buffer("usual_error", torch.ones(2, config.num_features))

    def initial_state(self, batch_size: int = 1) -> State:
        config = self.config
        values = self.scale.new_zeros(batch_size, config.num_values, config.num_features)
        read = torch.zeros(batch_size, dtype=torch.int64, device=values.device)
        return ResidualState(values, read, self.recurrent.initial_state(batch_size))

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs: [B, T, F]. Returns forecasts [B, T, K, F, Q], state."""
        config, values = self.config, self._with_values(inputs, state)
        outputs, recurrent = self.recurrent(inputs, state.recurrent)
        middle = config.quantiles // 2
        point = outputs[..., middle : middle + 1]
        change = point - inputs[:, :, None, :, None] if config.subtract_last else point
        windows = values.unfold(1, config.linear_window, 1)[:, -inputs.shape[1] :]  # [B, T, F, W]
        forecast = self._linear(windows).transpose(2, 3)[..., None]  # [B, T, K, F, 1]
        forecast = forecast + self.scale[..., middle : middle + 1] * change
        if middle:
            distances = self.scale * self._volatility(values, state)[..., None] * (outputs - point.detach())
            parts = distances[..., :middle], distances[..., middle + 1 :]
            fixed = forecast.detach()  # only its own loss trains the point
            forecast = torch.cat((fixed + parts[0], forecast, fixed + parts[1]), -1)
        return forecast, self._after(values, inputs, state, recurrent)

    def observe(self, inputs: Tensor, state: State) -> State:
        """inputs: [B, T, F]. Returns the state after the last step."""
        recurrent = self.recurrent.observe(inputs, state.recurrent)
        return self._after(self._with_values(inputs, state), inputs, state, recurrent)

    @torch.no_grad()
    def set_linear(self, weight: Tensor, bias: Tensor) -> None:
        """Set the linear part, weight [K, W] and bias [K], and let the recurrent part add nothing to it."""
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)
        for parameter in self.recurrent.readout.parameters():
            nn.init.zeros_(parameter)

    @torch.no_grad()
    def set_scale(self, scale: Tensor, usual_error: Tensor | None = None) -> None:
        """Set the factors of the recurrent part's outputs [K, F, Q], and the linear part's usual error [2, F]."""
        self.scale.copy_(scale)
        if usual_error is not None:
            self.usual_error.copy_(usual_error)

    def _with_values(self, inputs: Tensor, state: Any) -> Tensor:
        """The values of the state followed by the inputs: [B, num_values + T, F]."""
        before = torch.where((state.read > 0)[:, None, None], state.values, inputs[:, :1])
        return torch.cat((before, inputs), 1)

    def _after(self, values: Tensor, inputs: Tensor, state: Any, recurrent: State) -> State:
        size = state.values.shape[1]
        read = (state.read + inputs.shape[1]).clamp(max=size)
        return ResidualState(values[:, -size:].contiguous(), read, recurrent)

    def _linear(self, windows: Tensor) -> Tensor:
        """windows: [..., W]. Returns [..., K]."""
        forecast: Tensor = windows[..., -1:] + self.linear(_relative(windows))
        return forecast

    def _volatility(self, values: Tensor, state: Any) -> Tensor:
        """The factor s of the distances [B, T, K, F]."""
        first, last = self._recent_error(values, state, 0), self._recent_error(values, state, -1)  # [B, T, F]
        share = torch.linspace(0, 1, self.config.horizon, device=values.device)[:, None]  # [K, 1]
        return torch.lerp(first[:, :, None], last[:, :, None], share)

    def _recent_error(self, values: Tensor, state: Any, step: int) -> Tensor:
        """The mean error [B, T, F] of the RECENT last forecasts of a step, 0 or -1, relative to the usual one, clipped.

        Forecasts made before the first row are taken as usual.
        """
        config, size = self.config, state.values.shape[1]
        ahead = config.horizon if step else 1
        windows = values[:, config.horizon - ahead + 1 : -ahead].unfold(1, config.linear_window, 1)
        forecast = windows[..., -1] + _relative(windows) @ self.linear.weight[step] + self.linear.bias[step]
        errors = (values[:, size - RECENT + 1 :] - forecast).abs() / self.usual_error[step]  # [B, RECENT + T - 1, F]
        rows = torch.arange(size - RECENT + 1, values.shape[1], device=values.device)
        errors = torch.where((rows >= size - state.read[:, None] + ahead)[..., None], errors, 1.0)
        return errors.unfold(1, RECENT, 1).mean(-1).clamp(*VOLATILITY)


def _relative(windows: Tensor) -> Tensor:
    """The inputs of the linear part: differences from the last value, then that value. windows: [..., W]."""
    last = windows[..., -1:]
    return torch.cat((windows[..., :-1] - last, last), -1)
