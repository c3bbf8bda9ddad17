"""Compiled recurrent layers of one direction or both over rows of different lengths, for training.

The kernels read every row forwards and to the end of the longest. So the backward direction gets each row mirrored up
to its length, and what was computed at padding is dropped. All is arranged as the kernels need it, time first.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqshell.layers import recurrence


def run(cell: str, layer: nn.Module, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Any]:
    """What `seqshell.layers.modules.run_padded` returns, where `recurrence.is_compiled`."""
    batch, steps = inputs.shape[:2]
    times, ends = torch.arange(steps).unsqueeze(1), lengths.unsqueeze(0)
    is_padding = times >= ends  # [T, B]
    order = torch.where(is_padding, times, ends - 1 - times) * batch + torch.arange(batch)
    order = order.flatten()
    zeros = torch.zeros(1, batch, cast(Tensor, layer.weight_hh_l0).shape[1])
    outputs, finals = [], []
    for suffix in ("", "_reverse") if hasattr(layer, "weight_hh_l0_reverse") else ("",):
        given = _Mirrored.apply(inputs.transpose(0, 1), order).transpose(0, 1) if suffix else inputs  # type: ignore[no-untyped-call]  # torch leaves it so
        state = (zeros, zeros) if cell == "lstm" else zeros
        found, final = recurrence.run_layer(cell, layer, given, state, suffix=suffix, lengths=lengths)
        outputs.append(found.transpose(0, 1))
        finals.append(final)
    padding = is_padding.unsqueeze(-1) if bool(is_padding.any()) else None
    whole: Tensor = _Joined.apply(order, padding, *outputs)  # type: ignore[no-untyped-call]
    if cell == "lstm":
        return whole.transpose(0, 1), tuple(torch.cat(parts) for parts in zip(*finals, strict=True))
    return whole.transpose(0, 1), torch.cat(finals)


class _Mirrored(torch.autograd.Function):
    """The rows of values [T, B, F] in an order [T * B] that is its own inverse."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return _ordered(values, order)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return _ordered(outer, order), None


class _Joined(torch.autograd.Function):
    """The outputs of the directions side by side, [T, B, D * H], of which the second is mirrored; zero at padding."""

    @staticmethod
    def forward(ctx: Any, order: Tensor, is_padding: Tensor | None, *outputs: Tensor) -> Tensor:
        ctx.save_for_backward(order, is_padding)
        ctx.number = len(outputs)
        first, *second = outputs
        whole = torch.cat((first, *(_ordered(each, order) for each in second)), -1)
        return whole if is_padding is None else whole.masked_fill_(is_padding, 0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        order, is_padding = ctx.saved_tensors
        first, *second = torch.chunk(outer, ctx.number, -1)
        found = [first.clone(memory_format=torch.contiguous_format), *(_ordered(each, order) for each in second)]
        return None, None, *(each if is_padding is None else each.masked_fill_(is_padding, 0) for each in found)


def _ordered(values: Tensor, order: Tensor) -> Tensor:
    return values.reshape(-1, values.shape[-1]).index_select(0, order).view(values.shape)
