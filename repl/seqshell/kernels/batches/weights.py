"""The gradient of a layer's weights: one product over all steps and rows, delta.T @ inputs."""

from __future__ import annotations

from seqshell.kernels.batches.numbers import inlined, store_pairs, take_number
from seqshell.kernels.batches.products import ROWS, transposed_product, transposed_product_half
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
    UNITS,
)
from seqshell.kernels.lanes import load, store

AT_ONCE = 64  # rows of delta and inputs, copied to where they stay in the cache
TILE = 1008  # columns of delta whose products are finished before the next ones
PANEL, BLOCK = 48, 64  # columns of delta and of inputs side by side


@inlined
def copy_panels(half, source, stride, rows, columns, width, out, zeros):
    """Copy [rows, columns], whose rows have a stride, as panels [rows, width], in bf16 [rows / 2, width, 2].

    An odd row is paired with zeros.
    """
    for start in range(0, columns, width):
        number = min(width, columns - start)
        for row in range(0, rows, 2 if half else 1):
            for column in range(start, start + number, 16):
                if half:
                    here = source + row * stride + column * 2
                    store_pairs(out, here, here + stride if row + 1 < rows else zeros)
                else:
                    store(out, load(source + row * stride + column * 4, 16), 16)
                out += 64


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
    delta, inputs = get(call, DELTA) + start * stride + low * number, get(call, INPUTS) + start * input_stride
    copy_panels(half, delta, stride, taken, height, PANEL, panels, zeros)
    copy_panels(half, inputs, input_stride, taken, columns, BLOCK, input_panels, zeros)
    steps = (taken + 1) // 2 if half else taken
    for panel in range(0, height, PANEL):
        width = min(PANEL, height - panel)
        parts = (width + ROWS - 1) // ROWS
        for column in range(0, columns, BLOCK):
            for part in range(parts):
                row = width * part // parts
                count = width * (part + 1) // parts - row
                a, b = panels + panel * steps * 4 + row * 4, input_panels + column * steps * 4
                out = get(call, OF_WEIGHTS) + ((low + panel + row) * columns + column) * 4
                if half:
                    transposed_product_half(count, a, width * 4, b, BLOCK * 4, steps, out, columns * 4)
                else:
                    transposed_product(count, a, width * 4, b, BLOCK * 4, steps, out, columns * 4)


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
