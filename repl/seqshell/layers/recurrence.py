"""Recurrent layers for training on processors with AVX-512: all steps of a layer, or their gradients, in one call.

The rows of a batch are divided among torch's threads. A call multiplies few rows with weights that are packed once,
adds the gates, and stores what the gradients need; the gradient of the weights is one product over all steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from seqshell.kernels.batches import team, words
from seqshell.layers.packed_weights import (
    BLOCK,
    VECTOR,
    own_columns,
    packed,
    packed_back,
    padded,
    row_blocks,
    unblocked,
    with_columns,
)

SCRATCH = 512  # numbers for each share of the rows
MOST_TOKENS = 512  # in a table whose rows are multiplied instead of the vectors of a batch
AT_ONCE = 576  # rows whose gates' gradients are in the cache until those of the weights are computed
PAD = 64  # bytes between the rows of such gradients, so that their columns share no line of the cache
LEAST_STEPS, LEAST_UNITS, LEAST_ROWS = 4, 48, 8  # with fewer, torch's own layers are as fast


@dataclass(frozen=True)
class Cell:
    """How the kernels arrange a cell. by_input, by_state: the gates in the order of both products, by torch's numbers.

    lanes: units side by side in a block. kept: gates per unit that the gradient needs.
    """

    kernel: str
    by_input: tuple[int, ...]
    by_state: tuple[int, ...]
    lanes: int = VECTOR
    kept: int = 4
    kind: int = 0


CELLS: Mapping[str, Cell] = {
    "lstm": Cell("lstm", (0, 1, 2, 3), (0, 1, 2, 3)),
    "gru": Cell("gru", (2, 0, 1), (0, 1, 2)),
    "rnn_tanh": Cell("rnn", (0,), (0,), BLOCK, 0, words.TANH),
    "rnn_relu": Cell("rnn", (0,), (0,), BLOCK, 0, words.RELU),
    "rnn_sigmoid": Cell("rnn", (0,), (0,), BLOCK, 0, words.SIGMOID),
}


def is_compiled(cell: str, inputs: Tensor, hidden_size: int) -> bool:
    """Whether this is faster than torch's layers for inputs [B, T, F] or tokens [B, T], in autocast's precision."""
    rows, steps = inputs.shape[:2]
    return (
        cell in CELLS
        and hidden_size >= LEAST_UNITS
        and steps >= LEAST_STEPS
        and rows >= LEAST_ROWS
        and inputs.device.type == "cpu"
        and inputs.dtype in (torch.float32, torch.bfloat16, torch.int64)
        and (is_half() or inputs.dtype != torch.bfloat16)
        and team.available(is_half())
    )


def is_by_token(tokens: Tensor, table: Tensor) -> bool:
    """Whether a product for each row of a table [V, F] is less work than one for each of the tokens [B, T]."""
    return len(table) <= min(MOST_TOKENS, tokens.numel() // 4)


def is_half() -> bool:
    """Whether autocast asks for bf16."""
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16


def run_layer(
    cell: str,
    layer: nn.Module,
    inputs: Tensor,
    state: Any,
    *,
    table: Tensor | None = None,
    suffix: str = "",
    recurrent_weight: Tensor | None = None,
    lengths: Tensor | None = None,
) -> tuple[Tensor, Any]:
    """What a layer of torch returns for inputs [B, T, F] and its state [1, B, H], or two of them.

    table: [V, F]; the inputs are then tokens [B, T], whose vectors are its rows. suffix: of the parameters' names.
    recurrent_weight: instead of the layer's own. lengths: [B]; the state returned is that after so many steps of a row.
    """
    w_ih, w_hh, b_ih, b_hh = (
        getattr(layer, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    w_hh = w_hh if recurrent_weight is None else recurrent_weight
    parts = tuple(part[0] for part in state) if isinstance(state, tuple) else (state[0],)
    half, by_time, last_bias = is_half(), inputs.transpose(0, 1), None
    with torch.autocast("cpu", enabled=False):
        bias = b_ih + b_hh
        if cell == "gru":  # whose candidate has a product with its own bias, which the reset gate multiplies
            last_bias = b_hh[2 * parts[0].shape[1] :]
            bias = b_ih + torch.cat((b_hh[: -len(last_bias)], torch.zeros_like(last_bias)))
        if table is not None:
            low, high = torch.aminmax(inputs)
            if low < 0 or high >= len(table):
                raise IndexError("a token is not in the table")
            bias = functional.linear(table, w_ih, bias)
            given: tuple[Tensor | None, ...] = (by_time.contiguous(), None, bias, None)
        else:
            given = (None, by_time, bias.unsqueeze(0), w_ih)
    outputs, *finals, cells = _Recurrence.apply(  # type: ignore[no-untyped-call]  # torch leaves it so
        CELLS[cell], half, *given, w_hh, last_bias, parts[0], parts[1] if len(parts) > 1 else None
    )
    if lengths is not None:
        last = (lengths - 1).to(outputs.device), torch.arange(len(lengths))
        finals = [outputs[last].float(), None if cells is None else cells[last]]
    states = tuple(final.unsqueeze(0) for final in finals[: len(parts)])
    return outputs.transpose(0, 1), states if isinstance(state, tuple) else states[0]


class _Recurrence(torch.autograd.Function):
    """Called with the cell, whether in bf16, tokens [T, B] or x [T, B, F], the biases [V or 1, gates * H], W or None,
    U, a GRU's last bias [H], h and c [B, H]."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell,
        half: bool,
        tokens: Tensor | None,
        x: Tensor | None,
        bias: Tensor,
        w_ih: Tensor | None,
        w_hh: Tensor,
        last_bias: Tensor | None,
        h: Tensor,
        c: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        kind = torch.bfloat16 if half else torch.float32
        steps, batch = (tokens if x is None else x).shape[:2]  # type: ignore[union-attr]  # one of them is given
        ctx.input_type = None if x is None else x.dtype
        size, width = 0 if x is None else x.shape[2], h.shape[1]
        units, shares = padded(width, cell.lanes), torch.get_num_threads()
        if x is not None:
            x = with_columns(x.to(kind), padded(size, BLOCK)).contiguous()
        hidden = h.new_empty(steps + 1, batch, units, dtype=kind)
        hidden[0] = with_columns(h, units)
        memory = None
        if c is not None:
            memory = h.new_empty(steps + 1, batch, units, dtype=torch.float32)
            memory[0] = with_columns(c, units)
        is_needed = any(ctx.needs_input_grad)
        gates = hidden.new_empty(steps, batch, cell.kept * units) if is_needed and cell.kept else None
        call = {
            words.STEPS: steps,
            words.BATCH: batch,
            words.UNITS: units,
            words.INPUTS: x,
            words.NUM_INPUTS: padded(size, 2),
            words.INPUT_STRIDE: 0 if x is None else x.shape[2] * x.element_size(),
            words.TOKENS: tokens,
            words.WEIGHTS: packed(w_ih, w_hh, cell.by_input, cell.by_state, cell.lanes, kind),
            words.BIAS: row_blocks(bias, cell.by_input, cell.lanes),
            words.HIDDEN: hidden,
            words.CELL: memory,
            words.GATES: gates,
            words.SCRATCH: torch.zeros(shares, SCRATCH),
            words.KIND: cell.kind,
            words.CANDIDATE_BIAS: None if last_bias is None else with_columns(last_bias, units).contiguous(),
        }
        team.run(cell.kernel, "forward", half, shares, call)
        ctx.cell, ctx.half, ctx.size, ctx.shares, ctx.num_tokens = cell, half, size, shares, len(bias)
        ctx.save_for_backward(tokens, x, hidden, memory, gates, w_ih, w_hh)
        ctx.set_materialize_grads(False)
        last = None if memory is None else memory[-1, :, :width].clone()
        cells = None if memory is None else memory[1:, :, :width]
        return hidden[1:, :, :width], hidden[-1, :, :width].float(), last, cells

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor | None) -> tuple[Tensor | None, ...]:
        tokens, x, hidden, memory, gates, w_ih, w_hh = ctx.saved_tensors
        cell, half, shares, width = ctx.cell, ctx.half, ctx.shares, w_hh.shape[1]
        steps, batch, units = len(hidden) - 1, hidden.shape[1], hidden.shape[2]
        columns, more = padded(units, BLOCK), padded(ctx.size, BLOCK) if ctx.needs_input_grad[3] else 0
        number = len(cell.by_input) * units
        rows = -(-batch // shares)  # of a share, at most
        chunk = min(max(1, AT_ONCE // rows), steps)
        stride = number * hidden.element_size() + PAD
        deltas = torch.empty(2 if cell is GRU else 1, shares, chunk * rows * stride, dtype=torch.int8)
        of_outputs, of_h, of_c, of_cells = outer
        if of_outputs is None:
            of_outputs = hidden.new_zeros(steps, batch, width)
        of_hidden = own_columns(of_h, batch, columns)
        of_memory = None if memory is None else own_columns(of_c, batch, units)
        of_inputs = torch.empty(steps, batch, more)
        of_bias = torch.zeros(shares, ctx.num_tokens, number)
        of_last_bias = torch.zeros(shares, units)
        of_w_hh = torch.zeros(shares, number, columns)
        of_w_ih = None if x is None else torch.zeros(shares, number, x.shape[2])
        panels = torch.empty(shares, words.TILE + max(columns, 0 if x is None else x.shape[2]), chunk * rows)
        backs = [packed_back(w_hh, cell.by_state, cell.lanes, hidden.dtype)]
        if more:
            backs.append(packed_back(w_ih, cell.by_input, cell.lanes, hidden.dtype))
        call = {
            words.STEPS: steps,
            words.BATCH: batch,
            words.UNITS: units,
            words.TOKENS: tokens,
            words.NUM_TOKENS: ctx.num_tokens,
            words.WEIGHTS: torch.cat(backs),
            words.HIDDEN: hidden,
            words.CELL: memory,
            words.GATES: gates,
            words.SCRATCH: torch.zeros(shares, SCRATCH),
            words.OUTER: with_columns(of_outputs.to(hidden.dtype), units).contiguous(),
            words.OUTER_CELL: None if of_cells is None else with_columns(of_cells, units).contiguous(),
            words.DELTA: deltas[0],
            words.DELTA_STRIDE: stride,
            words.DELTA_BYTES: deltas.shape[2],
            words.CHUNK: chunk,
            words.MOST_ROWS: chunk * rows,
            words.INPUTS: x,
            words.INPUT_STRIDE: 0 if x is None else x.shape[2] * x.element_size(),
            words.OF_WEIGHTS: of_w_hh,
            words.OF_INPUT_WEIGHTS: of_w_ih,
            words.PANELS: panels,
            words.PANEL_BYTES: panels[0].nbytes,
            words.OF_HIDDEN: of_hidden,
            words.OF_CELL: of_memory,
            words.STATE_COLUMNS: columns,
            words.INPUT_COLUMNS: more,
            words.OF_INPUTS: of_inputs,
            words.OF_BIAS: of_bias,
            words.KIND: cell.kind,
            words.RECURRENT_DELTA: deltas[-1],
            words.OF_CANDIDATE_BIAS: of_last_bias,
        }
        team.run(cell.kernel, "backward", half, shares, call)
        return (
            None,
            None,
            None,
            of_inputs[..., : ctx.size].to(ctx.input_type) if more else None,
            unblocked(of_bias.sum(0).t(), cell.by_input, cell.lanes, width).t(),
            None if of_w_ih is None else unblocked(of_w_ih.sum(0), cell.by_input, cell.lanes, width)[:, : ctx.size],
            unblocked(of_w_hh.sum(0), cell.by_state, cell.lanes, width)[:, :width],
            of_last_bias.sum(0)[:width] if cell is GRU else None,
            of_hidden[:, :width],
            None if of_memory is None else of_memory[:, :width],
        )


GRU = CELLS["gru"]
