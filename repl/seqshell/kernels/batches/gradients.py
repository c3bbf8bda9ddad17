"""The gradients of weights, delta.T @ inputs: of those of a layer for as many rows of delta as stay in the cache."""

from __future__ import annotations

from seqshell.kernels.batches.numbers import store_pairs
from seqshell.kernels.batches.products import ROWS, transposed_product, transposed_product_half
from seqshell.kernels.batches.shared import SHARE, ZEROS, first_row, get
from seqshell.kernels.batches.words import (
    BATCH,
    DELTA_STRIDE,
    HIDDEN,
    INPUT_STRIDE,
    INPUTS,
    MOST_ROWS,
    OF_INPUT_WEIGHTS,
    OF_WEIGHTS,
    PANEL_BYTES,
    PANELS,
    SCRATCH,
    STATE_COLUMNS,
    TILE,
    UNITS,
)
from seqshell.kernels.functions import inlined
from seqshell.kernels.lanes import load, store

PANEL, BLOCK = 48, 64  # columns of delta and of inputs side by side


@inlined
def copy_panels(half, source, step_stride, stride, steps, rows, columns, width, out, zeros):
    """Copy `rows` rows of each of some steps, [steps * rows, columns], as panels [steps * rows, width].

    In bf16, they are pairs of rows, [steps * rows / 2, width, 2]; an odd row of a step is paired with zeros.
    """
    taken = (rows + 1) // 2 if half else rows
    for step in range(steps):
        for number in range(taken):
            row = number * 2 if half else number
            here = source + step * step_stride + row * stride
            for start in range(0, columns, width):
                count = min(width, columns - start)
                place = out + (start * steps * taken + count * (step * taken + number)) * 4
                for column in range(0, count, 16):
                    if half:
                        first = here + (start + column) * 2
                        store_pairs(place + column * 4, first, first + stride if row + 1 < rows else zeros)
                    else:
                        store(place + column * 4, load(here + (start + column) * 4, 16), 16)


@inlined
def multiply_tile(half, a, a_width, a_stride, steps, height, inputs, columns, out):
    """out [height, columns] += a.T @ inputs; a: in panels of `a_width` columns, inputs: in panels of BLOCK columns."""
    for column in range(0, columns, BLOCK):
        b = inputs + column * steps * 4
        for panel in range(0, height, a_width):
            width = min(a_width, height - panel)
            parts = (width + ROWS - 1) // ROWS
            for part in range(parts):
                row = width * part // parts
                count = width * (part + 1) // parts - row
                here = out + ((panel + row) * columns + column) * 4
                if half:
                    at = a + (panel * steps + row) * 4
                    transposed_product_half(count, at, width * 4, b, BLOCK * 4, steps, here, columns * 4)
                else:
                    at = a + (panel + row) * 4
                    transposed_product(count, at, a_stride, b, BLOCK * 4, steps, here, columns * 4)


@inlined
def add_products(call, half, share, delta, size, steps, source, step_stride, stride, columns, out):
    """out [size, columns] += delta.T @ source for the rows of a share in some steps.

    delta: [steps, rows, size], whose rows have the stride of the call; source: its first row, which has strides, too.
    """
    rows = first_row(call, share + 1) - first_row(call, share)
    delta_stride, zeros = get(call, DELTA_STRIDE), get(call, SCRATCH) + share * SHARE + ZEROS
    taken = steps * ((rows + 1) // 2 if half else rows)
    panels = get(call, PANELS) + share * get(call, PANEL_BYTES)
    inputs = panels + TILE * get(call, MOST_ROWS) * 4
    copy_panels(half, source, step_stride, stride, steps, rows, columns, BLOCK, inputs, zeros)
    for start in range(0, size, TILE):
        height, here = min(TILE, size - start), out + start * columns * 4
        if half:
            part = delta + start * 2
            copy_panels(half, part, rows * delta_stride, delta_stride, steps, rows, height, PANEL, panels, zeros)
            multiply_tile(half, panels, PANEL, 0, taken, height, inputs, columns, here)
        else:
            multiply_tile(half, delta + start * 4, height, delta_stride, taken, height, inputs, columns, here)


@inlined
def add_state_weights(call, half, share, delta, size, first, steps):
    """Add the gradient of the recurrent weights [size, STATE_COLUMNS] of the steps from `first`."""
    columns = get(call, STATE_COLUMNS)
    stride = get(call, UNITS) * (2 if half else 4)
    step_stride, out = get(call, BATCH) * stride, get(call, OF_WEIGHTS) + share * size * columns * 4
    source = get(call, HIDDEN) + first * step_stride + first_row(call, share) * stride
    add_products(call, half, share, delta, size, steps, source, step_stride, stride, columns, out)


@inlined
def add_input_weights(call, half, share, delta, size, first, steps):
    """Add that of the input weights, if there are inputs."""
    if get(call, INPUTS) != 0:
        stride = get(call, INPUT_STRIDE)
        columns = stride // (2 if half else 4)
        step_stride, out = get(call, BATCH) * stride, get(call, OF_INPUT_WEIGHTS) + share * size * columns * 4
        source = get(call, INPUTS) + first * step_stride + first_row(call, share) * stride
        add_products(call, half, share, delta, size, steps, source, step_stride, stride, columns, out)
