"""Teacher forcing and scheduled sampling: feed a decoder the target's tokens or its own predictions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from seqshell.core.state import State
from seqshell.training.recipes.settings import TrainingSettings


def teacher_forcing(settings: TrainingSettings, step: int) -> float:
    """The probability of reading the target token at optimizer step i = `step`, from 0.

    linear: start - k i; exponential: start k**i; inverse_sigmoid: start k / (k + exp(i / k)); at least
    teacher_forcing_least. Bengio et al. 2015, https://arxiv.org/abs/1506.03099, section 2.4.
    """
    start, k = settings.teacher_forcing, settings.teacher_forcing_decay
    if settings.teacher_forcing_schedule == "linear":
        chance = start - k * step
    elif settings.teacher_forcing_schedule == "exponential":
        chance = start * k**step
    elif settings.teacher_forcing_schedule == "inverse_sigmoid":
        chance = start * k / (k + math.exp(min(step / k, 700.0))) if k else 0.0
    else:
        return start
    return max(chance, settings.teacher_forcing_least)


def drawn_for_batch(chance: float) -> float:
    """1 with probability `chance`, else 0: one draw that decides for all tokens of a batch."""
    return float(torch.rand(()).item() < chance)


def forced_logits(module: Any, inputs: Tensor, state: State, chance: float, *, by_batch: bool = False) -> Tensor:
    """The logits [B, T, V] of a decoder that reads each token of inputs [B, T] with probability `chance`.

    Otherwise it reads the most likely token of its own prediction. The first token, BOS, is always read.
    by_batch: one draw decides for the whole batch. The choice has no gradient.
    """
    if by_batch:
        chance = drawn_for_batch(chance)
    if chance >= 1:
        logits: Tensor = module(inputs, state)[0]
        return logits
    forced = torch.rand(inputs.shape, device=inputs.device) < chance
    token = inputs[:, :1]
    steps: list[Tensor] = []
    for place in range(inputs.shape[1]):
        if place:
            own = steps[-1].detach().argmax(-1)  # [B, 1]
            token = torch.where(forced[:, place : place + 1], inputs[:, place : place + 1], own)
        step, state = module(token, state)
        steps.append(step)
    return torch.cat(steps, 1)
