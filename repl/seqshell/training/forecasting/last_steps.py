"""Chunks of a training series, for the gradient of a forecast's loss with respect to earlier states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from seqshell.training.forecasting.evaluation import observed
from seqshell.training.forecasting.objective import ForecastObjective, forecast_loss
from seqshell.training.lag_gradients import LastStep
from seqshell.training.optimizer import on_device


def last_steps(objective: ForecastObjective, module: Any, number: int) -> Iterator[LastStep]:
    """`number` chunks, each after its context."""
    context, inputs, targets = (array[:number] for array in on_device(module, next(objective.batches(0))))
    with torch.no_grad():
        before = observed(module, context, module.initial_state(len(context)))
    point_loss, levels = objective.recipe.training.point_loss, objective.levels
    yield LastStep(
        inputs,
        before,
        lambda outputs: len(inputs) * forecast_loss(outputs.float(), targets[:, -1:], point_loss, levels),
    )
