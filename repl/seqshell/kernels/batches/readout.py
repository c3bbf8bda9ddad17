"""The read-out with its cross-entropy: the logits of some rows at a time, and their gradient, which replaces them."""

from __future__ import annotations

import numpy as np

from seqshell.kernels.batches.numbers import take_number
from seqshell.kernels.batches.products import ROWS
from seqshell.kernels.batches.shared import add_to, first_row, get, multiply1, multiply4, write
from seqshell.kernels.batches.words import (
    BIAS,
    CHOICES,
    COLUMNS,
    DELTA,
    FOUND,
    INPUT_STRIDE,
    INPUTS,
    LOGITS,
    NUM_INPUTS,
    OF_BIAS,
    OUTPUTS,
    SHARES,
    TOKENS,
    WEIGHTS,
    WORD,
)
from seqshell.kernels.functions import exponential, inlined, single
from seqshell.kernels.lanes import first_lanes, larger, largest, load, splat, store, total, word

AT_ONCE = 48  # rows


@inlined
def row_loss(call, half, share, row, logits):
    """Write what the loss of a row needs, and the gradient of its logits."""
    number = 2 if half else 4  # bytes
    columns, size = get(call, COLUMNS), get(call, OUTPUTS)
    target, found = word(get(call, TOKENS) + row * WORD), get(call, FOUND) + row * 16
    top, sums = splat(single(-np.inf)), splat(single(0.0))
    for column in range(0, columns, 16):
        value = load(logits + column * 4, 16)
        top = larger(value, top)
        sums = sums + first_lanes(value, size - column)
    top = largest(top)
    weights = splat(single(0.0))
    store(found, top, 1)
    store(found + 12, total(sums), 1)
    if target >= 0:
        store(found + 8, load(logits + target * 4, 1), 1)
    for column in range(0, columns, 16):
        value = exponential(load(logits + column * 4, 16) - top)
        store(logits + column * 4, value, 16)
        weights = weights + first_lanes(value, size - column)
    weights = total(weights)
    store(found + 4, weights, 1)
    delta = get(call, DELTA)
    if delta != 0:
        delta += row * columns * number
        of_bias = get(call, OF_BIAS) + share * columns * 4
        scale, other = splat(single(0.0)), splat(single(0.0))
        if target >= 0:
            scale, other = splat(single(1.0)) / weights, load(get(call, CHOICES) + 64, 16)
            at = logits + target * 4
            store(at, load(at, 1) - load(get(call, CHOICES), 16) * weights, 1)
        for column in range(0, columns, 16):
            value = load(logits + column * 4, 16) * scale - other
            write(delta + column * number, value, half)
            add_to(of_bias + column * 4, value)


@inlined
def loss_share(call, half, share):
    number = 2 if half else 4  # bytes
    columns, size, stride = get(call, COLUMNS), get(call, NUM_INPUTS), get(call, INPUT_STRIDE)
    whole = columns // 64 * 64
    logits, end = get(call, LOGITS) + share * AT_ONCE * columns * 4, first_row(call, share + 1)
    for begin in range(first_row(call, share), end, AT_ONCE):
        taken = min(AT_ONCE, end - begin)
        parts = (taken + ROWS - 1) // ROWS
        weights, bias = get(call, WEIGHTS), get(call, BIAS)
        for column in range(0, whole, 64):
            for part in range(parts):
                low = taken * part // parts
                rows = taken * (part + 1) // parts - low
                inputs, out = get(call, INPUTS) + (begin + low) * stride, logits + (low * columns + column) * 4
                multiply4(half, rows, inputs, stride, size, inputs, 0, 0, weights, bias, 0, out, columns * 4)
            weights += size * 64 * number
            bias += 256
        for column in range(whole, columns, 16):
            for part in range(parts):
                low = taken * part // parts
                rows = taken * (part + 1) // parts - low
                inputs, out = get(call, INPUTS) + (begin + low) * stride, logits + (low * columns + column) * 4
                multiply1(half, rows, inputs, stride, size, weights, bias, 0, out, columns * 4)
            weights += size * 16 * number
            bias += 64
        for row in range(taken):
            row_loss(call, half, share, begin + row, logits + row * columns * 4)


@inlined
def loss(call, half):
    share = take_number(call)
    while share < get(call, SHARES):
        loss_share(call, half, share)
        share = take_number(call)


def readout_loss(call):
    loss(call, False)


def readout_loss_half(call):
    loss(call, True)
