"""The torch module of an ensemble: its probabilities are the weighted means of those of its models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqshell.core.state import State


class MixedModule(nn.Module):
    """Modules of one vocabulary. shares: of each, which add up to 1. State: the tuple of their states."""

    def __init__(self, modules: Sequence[nn.Module], shares: Sequence[float]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)
        self.shares: Tensor
        self.register_buffer("shares", torch.tensor(shares))

    def initial_state(self, batch_size: int = 1) -> State:
        """The initial state of each."""
        return tuple(part.initial_state(batch_size) for part in self._parts)

    def encode(self, source: Tensor, lengths: Tensor) -> State:
        """The encoded source [B, S] of each, if they translate."""
        return tuple(part.encode(source, lengths) for part in self._parts)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs: [B, T]. Returns log-probabilities [B, T, V], state."""
        found = [part(inputs, own) for part, own in zip(self._parts, state, strict=True)]
        logs = [
            outputs.float().log_softmax(-1) + log for (outputs, _), log in zip(found, self.shares.log(), strict=True)
        ]
        return torch.stack(logs).logsumexp(0), tuple(after for _, after in found)

    @property
    def _parts(self) -> Any:  # SequenceModels, whose methods nn.ModuleList does not know
        return self.parts
