"""A state that is the last n - 1 tokens, in torch; -1 where there were none yet."""

from __future__ import annotations

import torch
from torch import Tensor


def empty(batch_size: int, order: int, like: Tensor) -> Tensor:
    """[batch_size, order - 1] of -1, on the device of `like`."""
    return torch.full((batch_size, order - 1), -1, dtype=torch.int64, device=like.device)


def windows(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """tokens: [B, T]; state: [B, n - 1]. Returns the last n - 1 tokens at each step [B, T, n - 1], and after the last [B, n - 1]."""
    size = state.shape[1]
    history = torch.cat((state, tokens), 1)  # [B, n - 1 + T]
    return history.unfold(1, size, 1)[:, 1:] if size else tokens.new_empty(*tokens.shape, 0), history[
        :, history.shape[1] - size :
    ].clone()
