"""The loss of a translation model that is shown the right words: what training lowers and evaluation reports."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from seqshell.models import PAD


def pair_loss(
    module: Any, source: Tensor, lengths: Tensor, inputs: Tensor, targets: Tensor, *, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Summed nats of the targets and how many they are, both scalars; padding counts in neither.

    module: a Seq2Seq. source [B, S] int64, each row ending with EOS; lengths [B] without the padding. inputs [B, T]: BOS and the words of
    the target; targets [B, T]: the words and EOS. All padded right with PAD. label_smoothing: as cross_entropy has it (Szegedy et al. 2016).
    """
    logits, _ = module(inputs, module.encode(source, lengths))  # [B, T, V]
    nats = functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="sum", label_smoothing=label_smoothing
    )
    return nats, (targets != PAD).sum()
