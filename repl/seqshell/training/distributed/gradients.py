"""Sum the gradients of several processes, in one message for each number format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

Reduce = Callable[[Tensor], None]  # sums a flat tensor over all processes, in place


def waiting_gradients(module: nn.Module) -> dict[str, Tensor]:
    """The gradients of a module's parameters, by name."""
    return {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}


@torch.no_grad()
def sum_gradients(parameters: Iterable[nn.Parameter], reduce: Reduce) -> None:
    """Replace each gradient by its sum over all processes; where one has none, it adds nothing.

    A parameter that has a gradient in no process keeps none, so the optimizer leaves it alone, as in one process.
    """
    by_format: dict[tuple[torch.dtype, torch.device], list[nn.Parameter]] = {}
    for weight in parameters:
        if weight.requires_grad:
            by_format.setdefault((weight.dtype, weight.device), []).append(weight)
    for weights in by_format.values():
        _sum(weights, reduce)


def _sum(weights: Sequence[nn.Parameter], reduce: Reduce) -> None:
    """The sum of the gradients of weights of one format, followed by a number for each: how many processes have one."""
    real = [_as_real(weight) for weight in weights]
    sizes = [each.numel() for each in real]
    flat = real[0].new_zeros(sum(sizes) + len(weights))
    *parts, counts = torch.split(flat, [*sizes, len(weights)])
    for number, (part, weight) in enumerate(zip(parts, weights, strict=True)):
        if weight.grad is not None:
            part.copy_(_as_real(weight.grad.to_dense()).reshape(-1))
            counts[number] = 1
    reduce(flat)
    for part, weight, shape, count in zip(parts, weights, real, counts.tolist(), strict=True):
        if count:
            found = part.view(shape.shape)
            weight.grad = torch.view_as_complex(found) if weight.is_complex() else found


def _as_real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
