"""A state that consists of the last n - 1 tokens, in torch, with -1 before the beginning of the text."""

from __future__ import annotations

import torch
from torch import Tensor


def empty_window(batch_size: int, order: int, like: Tensor) -> Tensor:
    """[batch_size, order - 1] of -1, on the device of `like`."""
    return torch.full((batch_size, order - 1), -1, dtype=torch.int64, device=like.device)


def windows(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The last n - 1 tokens at each step [B, T, n - 1], and the new state [B, n - 1].

    tokens: [B, T]; state: [B, n - 1].
    """
    size = state.shape[1]
    history = torch.cat((state, tokens), 1)  # [B, n - 1 + T]
    contexts = history.unfold(1, size, 1)[:, 1:] if size else tokens.new_empty(*tokens.shape, 0)
    return contexts, history[:, history.shape[1] - size :].clone()
