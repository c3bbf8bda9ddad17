"""Fit the linear part of a forecaster before training, and calibrate its intervals after it.

This is for modules with the methods of LinearPart; others are trained by gradients alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqshell.core.text_output import counted
from seqshell.training.forecasting.conformal import distance_factors
from seqshell.training.forecasting.evaluation import forecasts, positions_before
from seqshell.training.forecasting.linear import fit_linear
from seqshell.training.forecasting.parts import Part

LEAST_ERROR = 1e-6  # of the usual error, which divides
MOST_CALIBRATED = 10_000  # training rows that calibrate intervals


@runtime_checkable
class LinearPart(Protocol):
    """A module whose forecast is a linear map of the last `config.linear_window` values plus a correction.

    scale: [K, F, Q], factors of the correction (the middle one) and of the quantiles' distances from the point.
    """

    config: Any
    scale: Tensor

    def set_linear(self, weight: Tensor, bias: Tensor) -> None:
        """Set the map, weight [K, W] and bias [K], of values relative to the last one; the correction becomes 0."""

    def set_scale(self, scale: Tensor, usual_error: Tensor | None = None) -> None:
        """Set the factors [K, F, Q], and the linear part's mean absolute error [2, F] of the first and last step."""


def fit_linear_part(module: Any, parts: Sequence[Part], horizon: int, season: int, levels: tuple[float, ...]) -> str:
    """Fit the linear part, and calibrate its intervals. Returns what it is in words, "" if the module has none."""
    if not isinstance(module, LinearPart):
        return ""
    validation = [(part.values, _positions(part, horizon)) for part in parts]
    found = fit_linear([part.training for part in parts], validation, horizon, season, module.config.linear_window)
    errors = np.concatenate([found(*each) - _targets(*each, horizon) for each in validation])  # [P, K, F]
    usual = np.maximum(np.abs(errors[:, [0, -1]]).mean(0), LEAST_ERROR)  # [2, F]
    scale = np.ones(tuple(module.scale.shape))
    scale[..., scale.shape[-1] // 2] = np.sqrt((errors**2).mean(0))
    module.set_linear(torch.from_numpy(found.weight.T), torch.from_numpy(found.bias))
    module.set_scale(torch.from_numpy(scale), torch.from_numpy(usual))
    calibrate(module, parts, horizon, levels)
    return f"a linear map of the last {counted(found.window, 'value')}"


def calibrate(module: Any, parts: Sequence[Part], horizon: int, levels: tuple[float, ...]) -> None:
    """Scale the distances of the quantiles so that they have their levels on past rows.

    These are the validation rows and the second half of the training rows, at most MOST_CALIBRATED of them. Validation
    rows alone are one stretch of time, calmer or rougher than the next. The errors of the training rows are a little
    too small, since the model was fitted to them, but that is less than the difference between stretches.
    """
    if not isinstance(module, LinearPart) or not levels:
        return
    middle = module.scale.shape[-1] // 2
    plain = torch.ones_like(module.scale)
    plain[..., middle] = module.scale[..., middle]
    module.set_scale(plain)
    outputs, targets = [], []
    for part in parts:
        training = part.rows.training.stop
        first = max(training // 2, training - MOST_CALIBRATED)
        positions = np.concatenate((np.arange(first, training - 1), _positions(part, horizon)))
        outputs.append(forecasts(module, part.values, range(positions[0], positions[-1] + 1), horizon))
        targets.append(_targets(part.values, positions, horizon))
    factors = distance_factors(np.concatenate(outputs), np.concatenate(targets), levels)
    module.set_scale(plain * torch.from_numpy(factors).to(plain))


def _positions(part: Part, horizon: int) -> NDArray[np.int64]:
    """The positions that a whole horizon of validation rows follows."""
    rows = part.rows.validation
    return np.array(positions_before(rows))[: len(rows) - horizon + 1]


def _targets(values: NDArray[np.float32], positions: NDArray[np.int64], horizon: int) -> NDArray[np.float32]:
    """The values [P, H, F] after each position."""
    found: NDArray[np.float32] = values[positions[:, None] + np.arange(1, horizon + 1)]
    return found
