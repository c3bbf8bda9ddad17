"""The loss of a translation model: what training lowers and evaluation reports."""

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
    """Summed nats of the targets and how many they are, both scalars; padding counts in neither.

    module: a Seq2Seq. source [B, S] int64, each row ending with EOS; lengths [B] without the padding. inputs [B, T]: BOS and the words of
    the target; targets [B, T]: the words and EOS. All padded right with PAD. label_smoothing: as cross_entropy has it (Szegedy et al. 2016).
    teacher_forcing, by_batch: the chance that the right word is read next, see `forced_logits`.
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
