"""Sequences of a training text, for the gradient of a token's loss with respect to earlier states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seqshell.training.chunked_loss import token_nats
from seqshell.training.lag_gradients import LastStep
from seqshell.training.language.objective import LanguageObjective
from seqshell.training.optimizer import on_device


def last_steps(objective: LanguageObjective, module: Any, number: int) -> Iterator[LastStep]:
    """The beginnings of `number` streams."""
    inputs, targets = (array[:number] for array in on_device(module, next(objective.batches(0))))
    yield LastStep(
        inputs, module.initial_state(len(inputs)), lambda outputs: token_nats(outputs, targets[:, -1:], "sum")
    )
