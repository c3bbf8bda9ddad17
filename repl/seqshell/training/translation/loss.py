"""The loss of a translation model, for training and evaluation."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from seqshell.core.tokenizers import PAD
from seqshell.training.chunked_loss import sequence_loss
from seqshell.training.translation.teacher_forcing import drawn_for_batch, forced_logits


def pair_loss(
    module: Any,
    source: Tensor,
    lengths: Tensor,
    inputs: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    teacher_forcing: float = 1.0,
    by_batch: bool = False,
) -> tuple[Tensor, Tensor]:
    """The summed nats of the targets and their number, both scalars; padding is in neither.

    module: a Seq2Seq. source [B, S] int64, each row ending with EOS; lengths [B] without padding.
    inputs [B, T]: BOS and the target's tokens. targets [B, T]: the tokens and EOS. All are padded right with PAD.
    label_smoothing s: train towards (1 - s) one-hot + s uniform, against overconfidence
    (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7).
    teacher_forcing: the chance of reading the target's token, see `forced_logits`; by_batch: drawn once for all.
    """
    state = module.encode(source, lengths)
    chance = drawn_for_batch(teacher_forcing) if by_batch else teacher_forcing
    if chance >= 1:
        nats, _ = sequence_loss(
            module, inputs, targets, state, reduction="sum", label_smoothing=label_smoothing, ignore_index=PAD
        )
    else:
        nats = functional.cross_entropy(
            forced_logits(module, inputs, state, chance).float().flatten(0, 1),
            targets.flatten(),
            ignore_index=PAD,
            reduction="sum",
            label_smoothing=label_smoothing,
        )
    return nats, (targets != PAD).sum()
