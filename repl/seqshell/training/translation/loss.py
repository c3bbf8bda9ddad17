"""The loss of a translation model, for training and evaluation."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from seqshell.core.tokenizers import PAD
from seqshell.training.translation.teacher_forcing import forced_logits


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
    teacher_forcing, by_batch: see `forced_logits`.
    """
    logits = forced_logits(module, inputs, module.encode(source, lengths), teacher_forcing, by_batch=by_batch)
    nats = functional.cross_entropy(
        logits.float().flatten(0, 1),
        targets.flatten(),
        ignore_index=PAD,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    return nats, (targets != PAD).sum()
