"""The cross-entropy of a sequence model over a large vocabulary, whose logits [B, T, V] are computed in parts.

The gradient of a part is computed at once, so that its logits can be dropped; values and gradients are those of
`functional.cross_entropy`, up to rounding. This needs a module with `hidden_states` and `logits`, see
`seqshell.core.model.SequenceModel`; for others, and for small vocabularies, all logits are computed together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from seqshell.core.state import State
from seqshell.layers import readout_loss
from seqshell.training.auxiliary import has_auxiliary

# Bytes of float32 logits that are computed together: more are divided into parts. Parts are smaller, for the caches.
MOST_AT_ONCE = 256_000_000
PART = 32_000_000
BYTES = 4  # of a logit

LossOf = Callable[[Tensor, Tensor], Tensor]  # hidden states [N, H] and targets [N] to a scalar


def has_halves(module: Any) -> bool:
    """True if the logits of a module can be computed in parts: its class has both halves of its own `forward`.

    A subclass that replaces `forward` alone has not: the halves that it inherits are those of another forward.
    """
    own = [
        name for kind in type(module).__mro__ for name in ("hidden_states", "logits", "forward") if name in vars(kind)
    ]
    return {"hidden_states", "logits"} <= set(own) and own[0] != "forward"


def is_in_parts(module: Any) -> bool:
    """True if training computes the logits of a module in parts; auxiliary losses need all of them."""
    return has_halves(module) and not has_auxiliary(module)


def linear_readout(module: Any) -> tuple[Tensor, Tensor] | None:
    """The weight [V, H] and bias [V] of the logits, if the class that has `logits` also has `logit_weights`."""
    owner = next((kind for kind in type(module).__mro__ if "logits" in vars(kind)), None)
    if owner is None or "logit_weights" not in vars(owner):
        return None
    weight, bias = module.logit_weights()
    return weight, bias


def most_targets(vocab_size: int) -> int:
    """The number of targets whose logits may be computed together."""
    return MOST_AT_ONCE // (vocab_size * BYTES)


def part_size(num_targets: int, vocab_size: int) -> int:
    """The number of targets whose logits are computed together: all, or as many as fit into PART."""
    return num_targets if num_targets <= most_targets(vocab_size) else max(1, PART // (vocab_size * BYTES))


def token_nats(
    logits: Tensor, targets: Tensor, reduction: str = "mean", *, ignore_index: int = -100, label_smoothing: float = 0.0
) -> Tensor:
    """The mean or sum of the nats of targets [...] by their logits [..., V]; for the arguments see `sequence_loss`."""
    return functional.cross_entropy(
        logits.float().flatten(0, -2),
        targets.flatten(),
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def sequence_loss(
    module: Any,
    inputs: Tensor,
    targets: Tensor,
    state: State,
    *,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> tuple[Tensor, State]:
    """The mean or sum of the nats of targets [B, T], a scalar with gradient, and the state after inputs [B, T].

    reduction: "mean" or "sum". ignore_index: targets that do not count. label_smoothing: see
    `functional.cross_entropy`.
    """

    nats = partial(token_nats, ignore_index=ignore_index, label_smoothing=label_smoothing)
    if not is_in_parts(module):
        logits, state = module(inputs, state)  # [B, T, V]
        return nats(logits, targets, reduction), state
    hidden, state = module.hidden_states(inputs, state)
    readout = linear_readout(module)
    is_compiled = readout is not None and readout_loss.is_compiled(hidden)
    vocab_size = len(readout[1]) if readout else module.logits(hidden[:1, :1].detach()).shape[-1]
    size = part_size(targets.numel(), vocab_size)
    if size == targets.numel() and not is_compiled:
        return nats(module.logits(hidden), targets, reduction), state

    def part_loss(rows: Tensor, some: Tensor) -> Tensor:
        if is_compiled and readout is not None:
            return readout_loss.run(rows, *readout, some, ignore_index=ignore_index, label_smoothing=label_smoothing)
        return nats(module.logits(rows), some, "sum")

    if hidden.transpose(0, 1).is_contiguous():  # as compiled layers return them
        hidden, targets = hidden.transpose(0, 1), targets.transpose(0, 1)
    rows, flat = hidden.flatten(0, 1), targets.flatten()
    total = summed_in_parts(part_loss, size, rows, flat, module)
    return (total / (targets != ignore_index).sum() if reduction == "mean" else total), state


def summed_in_parts(part_loss: LossOf, size: int, rows: Tensor, targets: Tensor, module: Any = None) -> Tensor:
    """The sum of part_loss(rows, targets) over parts of `size` of both, with its gradient for the rows.

    module: whose weights get their gradients, too.
    """
    if size == len(rows):
        return part_loss(rows, targets)
    if torch.is_grad_enabled():
        weights = [] if module is None else [weight for weight in module.parameters() if weight.requires_grad]
        total: Tensor = _InParts.apply(part_loss, size, targets, rows, *weights)  # type: ignore[no-untyped-call]  # torch leaves it so
        return total
    parts = zip(torch.split(rows, size), torch.split(targets, size), strict=True)
    return torch.stack([part_loss(*part) for part in parts]).sum()


class _InParts(torch.autograd.Function):
    """The sum of part_loss(hidden, targets) over parts of the rows of hidden [N, H] and targets [N].

    Its gradients are computed in the forward pass, part by part, and only scaled in the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, part_loss: LossOf, size: int, targets: Tensor, hidden: Tensor, *weights: Tensor) -> Tensor:
        total = torch.zeros((), device=hidden.device)
        gradients: list[Tensor | None] = [None] * len(weights)
        of_hidden = []
        for rows, some in zip(torch.split(hidden, size), torch.split(targets, size), strict=True):
            rows = rows.detach().requires_grad_()
            with torch.enable_grad():
                loss = part_loss(rows, some)
            total += loss.detach()
            found = torch.autograd.grad(loss, (rows, *weights), allow_unused=True)
            of_hidden.append(found[0])
            gradients = [_added(old, new) for old, new in zip(gradients, found[1:], strict=True)]
        ctx.save_for_backward(torch.cat(of_hidden), *gradients)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *(None if each is None else each * outer[0] for each in ctx.saved_tensors)


def _added(old: Tensor | None, new: Tensor | None) -> Tensor | None:
    return new if old is None else old if new is None else old.add_(new)
