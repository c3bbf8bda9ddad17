"""The cross-entropy of a linear read-out in one pass, for training on processors with AVX-512.

The logits of some rows at a time are computed, reduced to their loss, and replaced by their gradient, so that they are
never written as a whole. Values and gradients are those of `functional.cross_entropy`, up to rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqshell.kernels.batches import team, words
from seqshell.layers.packed_weights import BLOCK, VECTOR, packed_back, padded, with_columns
from seqshell.layers.recurrence import SCRATCH, is_half

ROWS = 48  # whose logits a share computes together
AT_ONCE = 128  # rows that the kernel for the gradient of the weights multiplies at once
LEAST_TARGETS, LEAST_INPUTS = 256, 48


def is_compiled(hidden: Tensor) -> bool:
    """Whether this is faster than torch for hidden states [..., H]."""
    return (
        hidden.shape[:-1].numel() >= LEAST_TARGETS
        and hidden.shape[-1] >= LEAST_INPUTS
        and hidden.device.type == "cpu"
        and hidden.dtype in (torch.float32, torch.bfloat16)
        and (is_half() or hidden.dtype == torch.float32)
        and team.available(is_half())
    )


def run(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, *, ignore_index: int, label_smoothing: float
) -> Tensor:
    """The sum of the nats of targets [N]. hidden: [N, H]; weight: [V, H]; bias: [V]."""
    targets = torch.where(targets == ignore_index, -1, targets)
    if int(targets.min()) < -1 or int(targets.max()) >= len(weight):
        raise IndexError("a target is not in the vocabulary")
    total: Tensor = _ReadoutLoss.apply(hidden, weight, bias, targets, label_smoothing, is_half())  # type: ignore[no-untyped-call]  # torch leaves it so
    return total


class _ReadoutLoss(torch.autograd.Function):
    """Its gradients are computed in the forward pass, and only scaled in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float, half: bool
    ) -> Tensor:
        kind = torch.bfloat16 if half else torch.float32
        (rows, size), outputs, shares = hidden.shape, len(weight), torch.get_num_threads()
        columns, is_needed = padded(outputs, VECTOR), any(ctx.needs_input_grad)
        given = with_columns(hidden.to(kind), padded(size, BLOCK)).contiguous()
        number = given.shape[1]
        whole = with_columns(weight, number)
        if columns > outputs:
            whole = torch.cat((whole, whole.new_zeros(columns - outputs, number)))
        found = torch.zeros(rows, 4)
        delta = given.new_empty(rows, columns) if is_needed else None
        of_bias = torch.zeros(shares, columns)
        choices = torch.tensor([1 - smoothing, smoothing / outputs]).unsqueeze(1).expand(2, 16).contiguous()
        full = bias.new_full((columns,), -1e30)
        full[:outputs] = bias
        call = {
            words.COLUMNS: columns,
            words.OUTPUTS: outputs,
            words.BATCH: rows,
            words.INPUTS: given,
            words.NUM_INPUTS: number,
            words.INPUT_STRIDE: number * given.element_size(),
            words.WEIGHTS: _packed(whole, kind),
            words.BIAS: full,
            words.FOUND: found,
            words.CHOICES: choices,
            words.LOGITS: torch.empty(shares, ROWS, columns),
            words.DELTA: delta,
            words.OF_BIAS: of_bias,
            words.TOKENS: targets.contiguous(),
        }
        team.run("readout", "loss", half, shares, call)
        top, weights, chosen, sums = found.unbind(1)
        nats = top + weights.log() - (1 - smoothing) * chosen - smoothing / outputs * sums
        if delta is not None:
            of_hidden = torch.empty(rows, number)
            call = {
                words.UNITS: columns,
                words.INPUT_COLUMNS: number,
                words.BATCH: rows,
                words.DELTA: delta,
                words.WEIGHTS: packed_back(whole, (0,), VECTOR, kind),
                words.SCRATCH: torch.zeros(shares, SCRATCH),
                words.OF_INPUTS: of_hidden,
            }
            team.run("back", "backward", half, shares, call)
            of_weight = _weight_gradient(delta, given, half, shares)
            ctx.input_type = hidden.dtype
            ctx.save_for_backward(of_hidden[:, :size], of_weight[:outputs, :size], of_bias.sum(0)[:outputs])
        return nats.masked_fill(targets < 0, 0).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        of_hidden, of_weight, of_bias = ctx.saved_tensors
        scaled = of_hidden.new_empty(of_hidden.shape, dtype=ctx.input_type)
        torch.mul(of_hidden, outer, out=scaled)
        return scaled, of_weight * outer, of_bias * outer, None, None, None


def _packed(weight: Tensor, kind: torch.dtype) -> Tensor:
    """A weight [W, K] as the kernel reads it: [W / 64, K, 64] and the rest of W as [W / 16, K, 16], in one row; in bf16
    with pairs of inputs."""
    pair, whole = 2 if kind == torch.bfloat16 else 1, len(weight) // BLOCK * BLOCK
    parts = (weight[:whole], BLOCK), (weight[whole:], VECTOR)
    pairs = weight.shape[1] // pair  # named, because a part may be empty
    blocks = (part.view(len(part) // size, size, pairs, pair).transpose(1, 2) for part, size in parts)
    return torch.cat([block.to(kind).flatten() for block in blocks])


def _weight_gradient(delta: Tensor, inputs: Tensor, half: bool, shares: int) -> Tensor:
    """delta.T @ inputs, [W, K], from delta [N, W] and inputs [N, K]; K: a multiple of 64."""
    (rows, number), columns = delta.shape, inputs.shape[1]
    found = delta.new_zeros(number, columns, dtype=torch.float32)
    call = {
        words.UNITS: number,
        words.INPUT_COLUMNS: columns,
        words.BATCH: rows,
        words.DELTA: delta,
        words.INPUTS: inputs,
        words.INPUT_STRIDE: columns * inputs.element_size(),
        words.OF_WEIGHTS: found,
        words.SCRATCH: torch.zeros(VECTOR),
        words.PANELS: torch.empty(shares * (number + columns) * AT_ONCE),
    }
    team.run("weights", "backward", half, shares, call)
    return found
