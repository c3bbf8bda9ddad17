"""The gradient of the inputs of a linear layer with many outputs: delta @ weights, in parts that stay in the cache."""

from __future__ import annotations

from seqshell.kernels.batches.numbers import take_number
from seqshell.kernels.batches.shared import SHARE, ZEROS, first_row, get, multiply4, num_parts, part_row
from seqshell.kernels.batches.words import DELTA, INPUT_COLUMNS, OF_INPUTS, SCRATCH, SHARES, UNITS, WEIGHTS
from seqshell.kernels.functions import inlined

AT_ONCE = 512  # columns of delta


@inlined
def back_share(call, half, share):
    number = 2 if half else 4  # bytes
    size, columns = get(call, UNITS), get(call, INPUT_COLUMNS)
    begin, end = first_row(call, share), first_row(call, share + 1)
    zeros = get(call, SCRATCH) + share * SHARE + ZEROS
    for first in range(0, size, AT_ONCE):
        taken = min(AT_ONCE, size - first)
        for column in range(0, columns, 64):
            weights = get(call, WEIGHTS) + (column * size + first * 64) * number
            for part in range(num_parts(begin, end)):
                row = part_row(begin, end, part)
                rows = part_row(begin, end, part + 1) - row
                out = get(call, OF_INPUTS) + (row * columns + column) * 4
                delta = get(call, DELTA) + (row * size + first) * number
                start, stride = (out, columns * 4) if first else (zeros, 0)
                multiply4(
                    half, rows, delta, size * number, taken, delta, 0, 0, weights, start, stride, out, columns * 4
                )


@inlined
def back(call, half):
    share = take_number(call)
    while share < get(call, SHARES):
        back_share(call, half, share)
        share = take_number(call)


def back_backward(call):
    back(call, False)


def back_backward_half(call):
    back(call, True)
