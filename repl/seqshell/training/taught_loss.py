"""The loss of sequences with a teacher, token by token. The logits [B, T, V] of both are computed in parts.

Values and gradients are those of all logits together, up to rounding, as in `chunked_loss`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqshell.core.state import State
from seqshell.training.chunked_loss import has_halves, part_size, summed_in_parts
from seqshell.training.mixed_module import MixedModule
from seqshell.training.teacher import Teacher

AT_ONCE = 2  # as many logits are computed together: those of the model, and those of the teacher


class SequenceAnswers:
    """What a teacher expects after each token of inputs [B, T]. state: its own, before them and then after them."""

    def __init__(self, teacher: Teacher, inputs: Tensor, state: State) -> None:
        self.teacher = teacher
        with teacher.asked() as module:
            is_mixed = isinstance(module, MixedModule)
            parts, states = (module.parts, state) if is_mixed else ((module,), (state,))
            read = [
                (part.hidden_states if has_halves(part) else part)(inputs, own)
                for part, own in zip(parts, states, strict=True)
            ]
            self._shares = module.shares.tolist() if is_mixed else [1.0]
        after = tuple(own for _, own in read)
        self.state: State = after if is_mixed else after[0]
        self._parts = [(part, outputs.flatten(0, 1)) for part, (outputs, _) in zip(parts, read, strict=True)]

    def probabilities(self, rows: Tensor) -> Tensor:
        """The distributions [N, V] after the tokens with these numbers [N], which count through the batch."""
        with self.teacher.asked():
            each = (
                (part.logits(outputs[rows]) if has_halves(part) else outputs[rows]).float().softmax(-1)
                for part, outputs in self._parts
            )
            found: Tensor = next(each).mul_(self._shares[0])
            for share, other in zip(self._shares[1:], each, strict=True):
                found.add_(other, alpha=share)
            return found


def taught_nats(
    answers: SequenceAnswers,
    outputs: Tensor,
    targets: Tensor,
    module: Any = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> Tensor:
    """The sum of the losses of targets [B, T] with a teacher, a scalar with gradient.

    outputs: logits [B, T, V], or the hidden states [B, T, H] of a module whose logits are computed in parts. For the
    other arguments see `sequence_loss`.
    """
    rows, flat = outputs.flatten(0, 1), targets.flatten()
    size = part_size(len(rows), AT_ONCE * answers.teacher.num_classes)

    def part_loss(some: Tensor, numbers: Tensor) -> Tensor:
        logits, expected = (some if module is None else module.logits(some)).float(), flat[numbers]
        counts, taught = expected != ignore_index, answers.probabilities(numbers)
        losses = answers.teacher.losses(logits, torch.where(counts, expected, 0), taught, label_smoothing)
        return (losses * counts).sum()

    return summed_in_parts(part_loss, size, rows, torch.arange(len(rows), device=rows.device), module)
