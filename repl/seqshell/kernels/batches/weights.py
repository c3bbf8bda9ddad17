"""The gradient of a read-out's weights: one product over all rows, delta.T @ inputs."""

from __future__ import annotations

from seqshell.kernels.batches.gradients import BLOCK, PANEL, copy_panels, multiply_tile
from seqshell.kernels.batches.numbers import take_number
from seqshell.kernels.batches.shared import get
from seqshell.kernels.batches.words import (
    BATCH,
    DELTA,
    INPUT_COLUMNS,
    INPUT_STRIDE,
    INPUTS,
    OF_WEIGHTS,
    PANELS,
    SCRATCH,
    SHARES,
    TILE,
    UNITS,
)
from seqshell.kernels.functions import inlined

AT_ONCE = 128  # rows of delta and inputs


@inlined
def weights_share(call, half, share):
    blocks, shares = get(call, UNITS) // 16, get(call, SHARES)
    begin, end = blocks * share // shares * 16, blocks * (share + 1) // shares * 16
    for low in range(begin, end, TILE):
        for start in range(0, get(call, BATCH), AT_ONCE):
            add_rows(call, half, share, low, min(TILE, end - low), start)


@inlined
def add_rows(call, half, share, low, height, start):
    """Add the products of AT_ONCE rows, from `start`, for `height` columns of delta, from `low`."""
    number = 2 if half else 4  # bytes
    rows, columns, zeros = get(call, UNITS), get(call, INPUT_COLUMNS), get(call, SCRATCH)
    stride, input_stride = rows * number, get(call, INPUT_STRIDE)
    panels = get(call, PANELS) + share * (rows + columns) * AT_ONCE * 4
    input_panels = panels + rows * AT_ONCE * 4
    taken = min(AT_ONCE, get(call, BATCH) - start)
    steps = (taken + 1) // 2 if half else taken
    delta, inputs = get(call, DELTA) + start * stride + low * number, get(call, INPUTS) + start * input_stride
    out = get(call, OF_WEIGHTS) + low * columns * 4
    copy_panels(half, inputs, 0, input_stride, 1, taken, columns, BLOCK, input_panels, zeros)
    if half:
        copy_panels(half, delta, 0, stride, 1, taken, height, PANEL, panels, zeros)
        multiply_tile(half, panels, PANEL, 0, steps, height, input_panels, columns, out)
    else:
        multiply_tile(half, delta, height, stride, steps, height, input_panels, columns, out)


@inlined
def all_weights(call, half):
    share = take_number(call)
    while share < get(call, SHARES):
        weights_share(call, half, share)
        share = take_number(call)


def weights_backward(call):
    all_weights(call, False)


def weights_backward_half(call):
    all_weights(call, True)
