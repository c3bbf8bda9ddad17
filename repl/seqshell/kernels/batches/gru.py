"""All steps of a GRU layer for a batch, and their gradients. The equations are those of `seqshell_recurrent.cells`.

The input products are n, r, z and the recurrent products r, z, n, so that both are added to n, r, z, n.
"""

from __future__ import annotations

from seqshell.kernels.batches.gradients import add_input_weights, add_state_weights
from seqshell.kernels.batches.numbers import take_number
from seqshell.kernels.batches.shared import (
    SHARE,
    add_to,
    first_row,
    first_sums,
    get,
    multiply3,
    multiply_back,
    num_parts,
    part_row,
    read,
    sigmoid,
    tanh,
    token_row,
    write,
)
from seqshell.kernels.batches.words import (
    BATCH,
    BIAS,
    CANDIDATE_BIAS,
    CHUNK,
    DELTA,
    DELTA_BYTES,
    DELTA_STRIDE,
    GATES,
    HIDDEN,
    INPUT_COLUMNS,
    INPUT_STRIDE,
    INPUTS,
    NUM_INPUTS,
    NUM_TOKENS,
    OF_BIAS,
    OF_CANDIDATE_BIAS,
    OF_HIDDEN,
    OF_INPUTS,
    OUTER,
    RECURRENT_DELTA,
    SCRATCH,
    SHARES,
    STATE_COLUMNS,
    STEPS,
    TOKENS,
    UNITS,
    WEIGHTS,
    WORD,
)
from seqshell.kernels.functions import inlined, single
from seqshell.kernels.lanes import load, splat, store


@inlined
def forward_share(call, half, share):
    number = 2 if half else 4  # bytes
    begin, end = first_row(call, share), first_row(call, share + 1)
    batch, units = get(call, BATCH), get(call, UNITS)
    num_inputs, input_stride = get(call, NUM_INPUTS), get(call, INPUT_STRIDE)
    inputs, hidden, gates = get(call, INPUTS), get(call, HIDDEN), get(call, GATES)
    scratch, tokens = get(call, SCRATCH) + share * SHARE, get(call, TOKENS)
    stride = units * number
    one = splat(single(1.0))
    for _ in range(get(call, STEPS)):
        weights, bias = get(call, WEIGHTS), get(call, BIAS)
        candidate_bias, after = get(call, CANDIDATE_BIAS), hidden + batch * stride
        for block in range(units // 16):
            recurrent = weights + num_inputs * 48 * number
            for part in range(num_parts(begin, end)):
                low = part_row(begin, end, part)
                rows = part_row(begin, end, part + 1) - low
                a, b = inputs + low * input_stride, hidden + low * stride
                first_sums(tokens, low, rows, units * 3, bias, 3, scratch)
                for row in range(rows):
                    store(scratch + row * 256 + 192, load(candidate_bias, 16), 16)
                multiply3(half, rows, a, input_stride, num_inputs, weights, scratch, 256, scratch, 256)
                multiply3(half, rows, b, stride, units, recurrent, scratch + 64, 256, scratch + 64, 256)
                for row in range(rows):
                    sums = scratch + row * 256
                    place = (low + row) * units + block * 16
                    r, z, past = (
                        sigmoid(load(sums + 64, 16), half),
                        sigmoid(load(sums + 128, 16), half),
                        load(sums + 192, 16),
                    )
                    n = tanh(load(sums, 16) + r * past, half)
                    h = read(hidden + place * number, half)
                    write(after + place * number, (one - z) * n + z * h, half)
                    if gates != 0:
                        kept = gates + place * 4 * number
                        write(kept, r, half)
                        write(kept + 16 * number, z, half)
                        write(kept + 32 * number, n, half)
                        write(kept + 48 * number, past, half)
            weights = recurrent + units * 48 * number
            bias += 192
            candidate_bias += 64
        inputs += batch * input_stride
        if tokens != 0:
            tokens += batch * WORD
        hidden = after
        if gates != 0:
            gates += batch * stride * 4


@inlined
def backward_step(call, half, share, step, delta, recurrent_delta):
    number = 2 if half else 4
    begin, end = first_row(call, share), first_row(call, share + 1)
    batch, units = get(call, BATCH), get(call, UNITS)
    stride = get(call, DELTA_STRIDE)
    columns, more = get(call, STATE_COLUMNS), get(call, INPUT_COLUMNS)
    of_hidden = get(call, OF_HIDDEN)
    of_bias = get(call, OF_BIAS) + share * get(call, NUM_TOKENS) * units * 12
    of_candidate_bias = get(call, OF_CANDIDATE_BIAS) + share * units * 4
    one = splat(single(1.0))
    outer = get(call, OUTER) + step * batch * units * number
    hidden = get(call, HIDDEN) + step * batch * units * number
    gates = get(call, GATES) + step * batch * units * 4 * number
    tokens = get(call, TOKENS)
    if tokens != 0:
        tokens += step * batch * WORD
    for row in range(begin, end):
        of_row = of_bias + token_row(tokens, row, units * 3)
        for block in range(units // 16):
            place = row * units + block * 16
            kept, at = gates + place * 4 * number, (row - begin) * stride + block * 48 * number
            here, there = delta + at, recurrent_delta + at
            state = of_hidden + (row * columns + block * 16) * 4
            r, z = read(kept, half), read(kept + 16 * number, half)
            n, past = read(kept + 32 * number, half), read(kept + 48 * number, half)
            of_h = read(outer + place * number, half) + load(state, 16)
            store(state, of_h * z, 16)
            of_n = of_h * (one - z) * (one - n * n)
            of_z = of_h * (read(hidden + place * number, half) - n) * z * (one - z)
            of_r = of_n * past * r * (one - r)
            of_past = of_n * r
            write(here, of_n, half)
            write(here + 16 * number, of_r, half)
            write(here + 32 * number, of_z, half)
            write(there, of_r, half)
            write(there + 16 * number, of_z, half)
            write(there + 32 * number, of_past, half)
            bias = of_row + block * 192
            add_to(bias, of_n)
            add_to(bias + 64, of_r)
            add_to(bias + 128, of_z)
            add_to(of_candidate_bias + block * 64, of_past)
    weights = get(call, WEIGHTS)
    weights = multiply_back(call, half, share, recurrent_delta, units * 3, weights, columns, True, of_hidden)
    of_inputs = get(call, OF_INPUTS) + step * batch * more * 4
    multiply_back(call, half, share, delta, units * 3, weights, more, False, of_inputs)


@inlined
def backward_share(call, half, share):
    rows, size = first_row(call, share + 1) - first_row(call, share), get(call, UNITS) * 3
    delta, at_once = get(call, DELTA) + share * get(call, DELTA_BYTES), get(call, CHUNK)
    recurrent_delta = get(call, RECURRENT_DELTA) + share * get(call, DELTA_BYTES)
    for chunk in range((get(call, STEPS) - 1) // at_once, -1, -1):
        first = chunk * at_once
        steps = min(at_once, get(call, STEPS) - first)
        for step in range(first + steps - 1, first - 1, -1):
            at = (step - first) * rows * get(call, DELTA_STRIDE)
            backward_step(call, half, share, step, delta + at, recurrent_delta + at)
        add_state_weights(call, half, share, recurrent_delta, size, first, steps)
        add_input_weights(call, half, share, delta, size, first, steps)


@inlined
def forward(call, half):
    share = take_number(call)
    while share < get(call, SHARES):
        forward_share(call, half, share)
        share = take_number(call)


@inlined
def backward(call, half):
    share = take_number(call)
    while share < get(call, SHARES):
        backward_share(call, half, share)
        share = take_number(call)


def gru_forward(call):
    forward(call, False)


def gru_forward_half(call):
    forward(call, True)


def gru_backward(call):
    backward(call, False)


def gru_backward_half(call):
    backward(call, True)
