"""Training texts, for the gradient of the loss of their labels with respect to earlier states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.nn import functional

from seqshell.core.errors import RecipeError
from seqshell.core.tokenizers import PAD
from seqshell.training.classification.objective import ClassificationObjective
from seqshell.training.lag_gradients import LastStep
from seqshell.training.optimizer import on_device


def last_steps(objective: ClassificationObjective, module: Any, number: int) -> Iterator[LastStep]:
    """`number` texts of a batch one by one. Raises RecipeError if the model reads texts in both directions."""
    if not objective.architecture.causal:
        raise RecipeError(f"{objective.architecture.name} reads texts in both directions, so no token is further back")
    batch = on_device(module, next(objective.batches(0)))
    for row in range(min(number, len(batch[0]))):
        inputs, label, *corrections = (array[row : row + 1] for array in batch)

        def nats(outputs: Tensor, label: Tensor = label, corrections: list[Tensor] = corrections) -> Tensor:
            return functional.cross_entropy(sum(corrections, outputs[:, -1].float()), label)

        yield LastStep(inputs[:, : int((inputs != PAD).sum())], module.initial_state(1), nats)
