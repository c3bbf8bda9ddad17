"""The loss of a translation model, for training and evaluation."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqshell.core.state import State
from seqshell.core.tokenizers import PAD
from seqshell.training.auxiliary import auxiliary_losses
from seqshell.training.chunked_loss import is_in_parts, sequence_loss, token_nats
from seqshell.training.objective import BatchLoss
from seqshell.training.taught_loss import SequenceAnswers, taught_nats
from seqshell.training.teacher import Teacher
from seqshell.training.translation.teacher_forcing import drawn_for_batch, forced_logits

NO_STATE: State = ()  # each sentence starts from the state of its encoder


def pair_loss(
    module: Any, source: Tensor, lengths: Tensor, inputs: Tensor, targets: Tensor, *, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The summed nats of the targets and their number, both scalars; padding is in neither.

    module: a Seq2Seq. source [B, S] int64, each row ending with EOS; lengths [B] without padding.
    inputs [B, T]: BOS and the target's tokens. targets [B, T]: the tokens and EOS. All are padded right with PAD.
    label_smoothing s: train towards (1 - s) one-hot + s uniform, against overconfidence
    (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7).
    """
    state = module.encode(source, lengths)
    nats, _ = sequence_loss(
        module, inputs, targets, state, reduction="sum", label_smoothing=label_smoothing, ignore_index=PAD
    )
    return nats, (targets != PAD).sum()


def training_loss(
    module: Any,
    source: Tensor,
    lengths: Tensor,
    inputs: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    teacher_forcing: float = 1.0,
    by_batch: bool = False,
    teacher: Teacher | None = None,
) -> BatchLoss:
    """The mean nats of the targets, and the auxiliary losses. For the other arguments see `pair_loss`.

    teacher_forcing: the chance of reading the target's token, see `forced_logits`; by_batch: drawn once for all.
    teacher: compared with after each token; it always reads the target's.
    """
    chance = drawn_for_batch(teacher_forcing) if by_batch else teacher_forcing
    mask = targets != PAD
    if teacher is not None:
        with teacher.asked() as other:
            answers = SequenceAnswers(teacher, inputs, other.encode(source, lengths))
        state, is_split = module.encode(source, lengths), chance >= 1 and is_in_parts(module)
        outputs = module.hidden_states(inputs, state)[0] if is_split else forced_logits(module, inputs, state, chance)
        total = taught_nats(
            answers,
            outputs,
            targets,
            module if is_split else None,
            label_smoothing=label_smoothing,
            ignore_index=PAD,
        )
        auxiliary = {} if is_split else auxiliary_losses(module, outputs, targets, mask)
        return BatchLoss(total / mask.sum(), NO_STATE, auxiliary)
    if chance >= 1 and is_in_parts(module):
        nats, count = pair_loss(module, source, lengths, inputs, targets, label_smoothing=label_smoothing)
        return BatchLoss(nats / count, NO_STATE)
    logits = forced_logits(module, inputs, module.encode(source, lengths), chance)
    nats = token_nats(logits, targets, "sum", ignore_index=PAD, label_smoothing=label_smoothing)
    return BatchLoss(nats / mask.sum(), NO_STATE, auxiliary_losses(module, logits, targets, mask))
