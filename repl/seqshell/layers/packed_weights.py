"""The weights of recurrent layers in the order in which the kernels for batches read them, and back.

The units are padded with zeros to blocks of `lanes`, and each block has its gates side by side. `order`: the gates, by
the numbers that they have in torch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

VECTOR, BLOCK = 16, 64  # numbers in a vector; columns in a block of what the kernels multiply
Order = tuple[int, ...]


def padded(size: int, multiple: int) -> int:
    """The next multiple."""
    return -(-size // multiple) * multiple


def with_columns(matrix: Tensor, number: int) -> Tensor:
    """The matrix [..., K] with zeros up to `number` columns."""
    missing = number - matrix.shape[-1]
    return functional.pad(matrix, (0, missing)) if missing else matrix


def own_columns(matrix: Tensor | None, rows: int, number: int) -> Tensor:
    """A float32 copy of a matrix [rows, K] with zeros up to `number` columns; only zeros without a matrix."""
    copy = torch.zeros(rows, number)
    if matrix is not None:
        copy[:, : matrix.shape[1]] = matrix
    return copy


def blocks(weight: Tensor, order: Order, lanes: int) -> Tensor:
    """A weight [gates * H, ...] in the order of the kernels, [P / lanes, gates, lanes, ...]."""
    parts = weight.reshape(len(order), -1, *weight.shape[1:])
    if order != tuple(range(len(order))):
        parts = parts[list(order)]
    if missing := -parts.shape[1] % lanes:
        parts = functional.pad(parts, (*[0, 0] * (parts.ndim - 2), 0, missing))
    return parts.reshape(len(order), -1, lanes, *weight.shape[1:]).transpose(0, 1)


def row_blocks(rows: Tensor, order: Order, lanes: int) -> Tensor:
    """Biases [V, gates * H] in the order of the kernels, [V, P / lanes, gates, lanes]."""
    return blocks(rows.t(), order, lanes).permute(3, 0, 1, 2).contiguous()


def unblocked(weight: Tensor, order: Order, lanes: int, hidden_size: int) -> Tensor:
    """Undo `blocks`: from [gates * P, K] to [gates * H, K]."""
    parts = weight.reshape(-1, len(order), lanes, weight.shape[1]).transpose(0, 1)
    if order != tuple(range(len(order))):
        parts = parts[[order.index(gate) for gate in range(len(order))]]
    return parts.flatten(1, 2)[:, :hidden_size].reshape(len(order) * hidden_size, -1)


def packed(
    w_ih: Tensor | None, w_hh: Tensor, by_input: Order, by_state: Order, lanes: int, kind: torch.dtype
) -> Tensor:
    """The weights as the forward kernels read them: [P / lanes, F + P, gates, lanes]; in bf16 with pairs of inputs."""
    units, pair = padded(w_hh.shape[1], lanes), 2 if kind == torch.bfloat16 else 1
    size = 0 if w_ih is None else padded(w_ih.shape[1], 2)
    width = len(by_state) * lanes
    whole = w_hh.new_empty(units // lanes, (size + units) // pair, width, dtype=torch.int32)  # of 4 bytes
    start = 0
    for weight, order, number in ((w_ih, by_input, size // pair), (w_hh, by_state, units // pair)):
        if weight is not None:
            rows = with_columns(blocks(weight, order, lanes).flatten(0, 2), number * pair).to(kind)
            columns = rows.contiguous().view(torch.int32).t().contiguous()  # torch transposes whole matrices fast
            whole[:, start : start + number] = columns.view(number, -1, width).transpose(0, 1)
            start += number
    return whole


def packed_back(weight: Tensor, order: Order, lanes: int, kind: torch.dtype) -> Tensor:
    """A weight as the backward kernels read it: [columns / 64, gates * P, 64]; in bf16 with pairs of rows."""
    pair = 2 if kind == torch.bfloat16 else 1
    rows = blocks(weight, order, lanes).flatten(0, 2)
    rows = with_columns(rows, padded(weight.shape[1], BLOCK))
    whole = rows.view(len(rows) // pair, pair, -1, BLOCK).permute(2, 0, 3, 1)
    return whole.to(kind).contiguous()
