"""A compiled recurrent layer whose steps are computed one after the other, for training on processors with AVX-512.

A model that needs the outputs of a step for the inputs of the next one cannot run a layer over all steps in one call.
What does not depend on that is done once for all steps: the weights are packed, and their gradients put in order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqshell.kernels.batches import team, words
from seqshell.layers.packed_weights import (
    BLOCK,
    own_columns,
    packed,
    packed_back,
    padded,
    row_blocks,
    unblocked,
    with_columns,
)
from seqshell.layers.recurrence import CELLS, GRU, PAD, SCRATCH, is_half


class Steps:
    """A layer of torch, called at most `steps` times with the inputs of a step, for `batch` rows.

    Called with inputs [B, 1, F] and a state [1, B, H], or two of them, it returns what the layer does.
    """

    def __init__(self, cell: str, layer: nn.Module, batch: int, steps: int) -> None:
        self.cell, self.half, self.shares = CELLS[cell], is_half(), torch.get_num_threads()
        w_ih, w_hh, b_ih, b_hh = (
            getattr(layer, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        kind = torch.bfloat16 if self.half else torch.float32
        (number, self.size), self.width = w_ih.shape, w_hh.shape[1]
        self.units, last_bias = padded(self.width, self.cell.lanes), None
        self.more, self.columns = padded(self.size, BLOCK), padded(self.units, BLOCK)
        with torch.autocast("cpu", enabled=False):
            bias = b_ih + b_hh
            if self.cell is GRU:  # whose candidate has a product with its own bias, which the reset gate multiplies
                last_bias = b_hh[2 * self.width :]
                bias = b_ih + torch.cat((b_hh[: -len(last_bias)], torch.zeros_like(last_bias)))
        self.w_ih, self.w_hh = w_ih.detach(), w_hh.detach()
        cell_kind = self.cell
        self.weights = packed(self.w_ih, self.w_hh, cell_kind.by_input, cell_kind.by_state, cell_kind.lanes, kind)
        self.bias = row_blocks(bias.detach().unsqueeze(0), cell_kind.by_input, cell_kind.lanes)
        self.last_bias = None if last_bias is None else with_columns(last_bias.detach(), self.units).contiguous()
        self.backs: Tensor | None = None
        number = len(cell_kind.by_input) * self.units
        self.inputs = torch.zeros(steps, batch, self.more, dtype=kind)
        self.hidden = torch.zeros(steps, 2, batch, self.units, dtype=kind)  # before and after each step
        self.memory = torch.zeros(steps, 2, batch, self.units) if cell == "lstm" else None
        self.gates = torch.empty(steps, batch, cell_kind.kept * self.units, dtype=kind) if cell_kind.kept else None
        shares, rows = self.shares, -(-batch // self.shares)  # of a share, at most
        self.rows, self.stride = rows, number * kind.itemsize + PAD
        self.deltas = torch.empty(2 if self.cell is GRU else 1, shares, rows * self.stride, dtype=torch.int8)
        self.panels = torch.empty(shares, words.TILE + max(self.columns, self.more), rows)
        # The sums of all steps so far, for each share.
        self.of_bias, self.of_last_bias = torch.zeros(shares, number), torch.zeros(shares, self.units)
        self.of_w_ih, self.of_w_hh = (torch.zeros(shares, number, columns) for columns in (self.more, self.columns))
        self.reached = -1  # the step whose gradient was computed last
        self.scratch = torch.zeros(self.shares, SCRATCH)
        self.place = -1
        self.trained: Tensor = _Weights.apply(self, bias, w_ih, w_hh, last_bias)  # type: ignore[no-untyped-call]  # torch leaves it so

    def __call__(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        parts = tuple(part[0] for part in state) if isinstance(state, tuple) else (state[0],)
        self.place += 1
        h, c = parts[0], parts[1] if len(parts) > 1 else None
        outputs, *finals = _Step.apply(self, self.place, inputs[:, 0], h, c, self.trained)  # type: ignore[no-untyped-call]
        states = tuple(final.unsqueeze(0) for final in finals[: len(parts)])
        return outputs.unsqueeze(1), states if isinstance(state, tuple) else states[0]

    def call(self, place: int) -> dict[int, Any]:
        """The words that both directions need."""
        return {
            words.STEPS: 1,
            words.BATCH: self.hidden.shape[2],
            words.UNITS: self.units,
            words.INPUTS: self.inputs[place],
            words.INPUT_STRIDE: self.more * self.inputs.element_size(),
            words.HIDDEN: self.hidden[place],
            words.CELL: None if self.memory is None else self.memory[place],
            words.GATES: None if self.gates is None else self.gates[place],
            words.SCRATCH: self.scratch,
            words.KIND: self.cell.kind,
        }

    def begin_gradient(self, place: int) -> None:
        """Set the sums to zero if this is the first step of a backward pass, which takes the last steps first."""
        if place >= self.reached:
            for sums in (self.of_bias, self.of_last_bias, self.of_w_ih, self.of_w_hh):
                sums.zero_()
        self.reached = place

    def packed_back(self) -> Tensor:
        """The weights for the backward direction."""
        if self.backs is None:
            cell, kind = self.cell, self.hidden.dtype
            ordered = (self.w_hh, cell.by_state), (self.w_ih, cell.by_input)
            self.backs = torch.cat([packed_back(weight, order, cell.lanes, kind) for weight, order in ordered])
        return self.backs


class _Weights(torch.autograd.Function):
    """A number that every step takes, so that the gradient of the weights is computed after those of all steps.

    Called with the steps, the bias [gates * H], W, U and a GRU's last bias [H].
    """

    @staticmethod
    def forward(ctx: Any, steps: Steps, bias: Tensor, w_ih: Tensor, w_hh: Tensor, last_bias: Tensor | None) -> Tensor:
        ctx.steps = steps
        return bias.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        steps: Steps = ctx.steps
        cell, width = steps.cell, steps.width
        of_bias = steps.of_bias.sum(0).unsqueeze(1)
        return (
            None,
            unblocked(of_bias, cell.by_input, cell.lanes, width)[:, 0],
            unblocked(steps.of_w_ih.sum(0), cell.by_input, cell.lanes, width)[:, : steps.size],
            unblocked(steps.of_w_hh.sum(0), cell.by_state, cell.lanes, width)[:, :width],
            steps.of_last_bias.sum(0)[:width] if cell is GRU else None,
        )


class _Step(torch.autograd.Function):
    """Called with the steps, the number of this one, x [B, F], h and c [B, H], and the number of `_Weights`."""

    @staticmethod
    def forward(
        ctx: Any, steps: Steps, place: int, x: Tensor, h: Tensor, c: Tensor | None, trained: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        ctx.steps, ctx.place, ctx.input_type, width = steps, place, x.dtype, steps.width
        steps.inputs[place, :, : steps.size] = x
        hidden, memory = steps.hidden[place], None
        hidden[0, :, :width] = h
        if steps.memory is not None and c is not None:
            memory = steps.memory[place]
            memory[0, :, :width] = c
        call = steps.call(place) | {
            words.NUM_INPUTS: padded(steps.size, 2),
            words.WEIGHTS: steps.weights,
            words.BIAS: steps.bias,
            words.CANDIDATE_BIAS: steps.last_bias,
        }
        team.run(steps.cell.kernel, "forward", steps.half, steps.shares, call)
        ctx.set_materialize_grads(False)
        after = hidden[1, :, :width]
        return after.clone(), after.float().clone(), None if memory is None else memory[1, :, :width].clone()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_output: Tensor | None, of_h: Tensor | None, of_c: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        steps: Steps = ctx.steps
        place, batch = ctx.place, steps.hidden.shape[2]
        steps.begin_gradient(place)
        if of_output is None:
            of_output = steps.hidden.new_zeros(batch, steps.width)
        of_hidden = own_columns(of_h, batch, steps.columns)
        of_memory = None if steps.memory is None else own_columns(of_c, batch, steps.units)
        of_inputs = torch.empty(batch, steps.more)
        call = steps.call(place) | {
            words.NUM_TOKENS: 1,
            words.WEIGHTS: steps.packed_back(),
            words.OUTER: with_columns(of_output.to(steps.hidden.dtype), steps.units).contiguous(),
            words.DELTA: steps.deltas[0],
            words.DELTA_STRIDE: steps.stride,
            words.DELTA_BYTES: steps.deltas.shape[2],
            words.CHUNK: 1,
            words.MOST_ROWS: steps.rows,
            words.OF_WEIGHTS: steps.of_w_hh,
            words.OF_INPUT_WEIGHTS: steps.of_w_ih,
            words.PANELS: steps.panels,
            words.PANEL_BYTES: steps.panels[0].nbytes,
            words.OF_HIDDEN: of_hidden,
            words.OF_CELL: of_memory,
            words.STATE_COLUMNS: steps.columns,
            words.INPUT_COLUMNS: steps.more,
            words.OF_INPUTS: of_inputs,
            words.OF_BIAS: steps.of_bias,
            words.RECURRENT_DELTA: steps.deltas[-1],
            words.OF_CANDIDATE_BIAS: steps.of_last_bias,
        }
        team.run(steps.cell.kernel, "backward", steps.half, steps.shares, call)
        return (
            None,
            None,
            of_inputs[:, : steps.size].to(ctx.input_type),
            of_hidden[:, : steps.width],
            None if of_memory is None else of_memory[:, : steps.width],
            torch.zeros(()),
        )
