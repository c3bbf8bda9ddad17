"""How well a language model predicts a text: carried on through all of it, and in cold blocks of 256 as fixed windows see it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from seqshell.state import State

BLOCK = 256  # targets in a cold block: nanoGPT's window on characters
PIECE = 1024  # tokens read in one call when a state is carried


@torch.inference_mode()
def carried(module: nn.Module, ids: NDArray[np.int64], *, batch_size: int = 1) -> float:
    """Mean nats of ids[1:] in one pass, the state carried on. module: in eval mode.

    batch_size: contiguous streams read side by side, each from a cold start: quicker, and a little worse than 1, which is the protocol.
    """
    length = (ids.size - 1) // batch_size
    inputs = torch.from_numpy(ids[: length * batch_size].reshape(batch_size, length).copy())
    targets = torch.from_numpy(ids[1 : length * batch_size + 1].reshape(batch_size, length).copy())
    state: State = module.initial_state(batch_size)  # type: ignore[operator]  # a SequenceModel has it
    total = 0.0
    for start in range(0, length, PIECE):
        nats, state = _nats(module, inputs[:, start : start + PIECE], targets[:, start : start + PIECE], state)
        total += nats
    return total / (length * batch_size)


@torch.inference_mode()
def cold_blocks(module: nn.Module, ids: NDArray[np.int64], *, block: int = BLOCK, batch_size: int = 64) -> float:
    """Mean nats of ids[1:] in blocks of `block` targets, each from initial_state with the token before it as first input; the last, short one counts.

    module: in eval mode. batch_size: blocks computed at once, which changes nothing but the time.
    """
    inputs, targets = torch.from_numpy(ids[:-1].copy()), torch.from_numpy(ids[1:].copy())
    whole = targets.numel() // block * block
    groups = list(zip(inputs[:whole].view(-1, block).split(batch_size), targets[:whole].view(-1, block).split(batch_size), strict=True))
    if whole < targets.numel():
        groups.append((inputs[None, whole:], targets[None, whole:]))
    total = 0.0
    for some, wanted in groups:
        if some.numel():
            total += _nats(module, some, wanted, module.initial_state(len(some)))[0]  # type: ignore[operator]  # a SequenceModel has it
    return total / targets.numel()


def figures(nats: float, num_tokens: int, num_characters: int) -> dict[str, float]:
    """nats a token, as given, with bits_per_char and perplexity. The counts are of what was predicted."""
    return {
        "nats": nats,
        "bits_per_char": nats * num_tokens / max(1, num_characters) / math.log(2),
        "perplexity": math.exp(min(nats, 700.0)),
    }


def _nats(module: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, state: State) -> tuple[float, Any]:
    """Summed nats of targets [B, T] and the state after them."""
    device = next(module.parameters()).device
    logits, state = module(inputs.to(device), state)  # [B, T, V]
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.to(device).flatten(), reduction="none")
    return losses.double().sum().item() if device.type != "mps" else losses.sum().item(), state
