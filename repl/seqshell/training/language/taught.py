"""The loss of a language model with a teacher, which reads the same streams with a state of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqshell.core.state import State
from seqshell.training.auxiliary import auxiliary_losses
from seqshell.training.chunked_loss import is_in_parts
from seqshell.training.objective import BatchLoss
from seqshell.training.taught_loss import SequenceAnswers, taught_nats
from seqshell.training.teacher import Teacher


def taught_loss(
    teacher: Teacher, module: Any, inputs: Tensor, targets: Tensor, state: State, *, label_smoothing: float
) -> BatchLoss:
    """The mean loss of targets [B, T], and the auxiliary losses. state: those of the module and of the teacher."""
    own, of_teacher = state
    answers = SequenceAnswers(teacher, inputs, of_teacher)
    in_parts = is_in_parts(module)
    outputs, own = (module.hidden_states if in_parts else module)(inputs, own)
    total = taught_nats(answers, outputs, targets, module if in_parts else None, label_smoothing=label_smoothing)
    mask = torch.ones_like(targets, dtype=torch.bool)
    auxiliary = {} if in_parts else auxiliary_losses(module, outputs, targets, mask)
    return BatchLoss(total / targets.numel(), (own, answers.state), auxiliary)
