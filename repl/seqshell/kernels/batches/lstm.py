"""All steps of an LSTM layer for a batch, and their gradients. Equations: `seqshell_recurrent.cells`."""

from __future__ import annotations

from seqshell.kernels.batches.gradients import add_input_weights, add_state_weights
from seqshell.kernels.batches.numbers import take_number
from seqshell.kernels.batches.shared import (
    SHARE,
    add_to,
    first_row,
    first_sums,
    get,
    keep,
    multiply4,
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
    CELL,
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
    OF_CELL,
    OF_HIDDEN,
    OF_INPUTS,
    OUTER,
    OUTER_CELL,
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
    inputs, hidden, cell, gates = get(call, INPUTS), get(call, HIDDEN), get(call, CELL), get(call, GATES)
    scratch, tokens = get(call, SCRATCH) + share * SHARE, get(call, TOKENS)
    stride = units * number
    for _ in range(get(call, STEPS)):
        weights, bias = get(call, WEIGHTS), get(call, BIAS)
        after, cell_after = hidden + batch * stride, cell + batch * units * 4
        for block in range(units // 16):
            for part in range(num_parts(begin, end)):
                low = part_row(begin, end, part)
                rows = part_row(begin, end, part + 1) - low
                a, b = inputs + low * input_stride, hidden + low * stride
                first_sums(tokens, low, rows, units * 4, bias, 4, scratch)
                multiply4(
                    half, rows, a, input_stride, num_inputs, b, stride, units, weights, scratch, 256, scratch, 256
                )
                for row in range(rows):
                    sums = scratch + row * 256
                    place = (low + row) * units + block * 16
                    i, f = sigmoid(load(sums, 16), half), sigmoid(load(sums + 64, 16), half)
                    g, o = tanh(load(sums + 128, 16), half), sigmoid(load(sums + 192, 16), half)
                    c = f * load(cell + place * 4, 16) + i * g
                    store(cell_after + place * 4, c, 16)
                    write(after + place * number, o * tanh(c, half), half)
                    if gates != 0:
                        kept = gates + place * 4 * number
                        keep(kept, i, half)
                        keep(kept + 16 * number, f, half)
                        keep(kept + 32 * number, g, half)
                        keep(kept + 48 * number, o, half)
            weights += (num_inputs + units) * 64 * number
            bias += 256
        inputs += batch * input_stride
        if tokens != 0:
            tokens += batch * WORD
        hidden, cell = after, cell_after
        if gates != 0:
            gates += batch * stride * 4


@inlined
def backward_step(call, half, share, step, delta):
    number = 2 if half else 4
    begin, end = first_row(call, share), first_row(call, share + 1)
    batch, units, stride = get(call, BATCH), get(call, UNITS), get(call, DELTA_STRIDE)
    columns, more = get(call, STATE_COLUMNS), get(call, INPUT_COLUMNS)
    of_hidden, of_cell, outer_cell = get(call, OF_HIDDEN), get(call, OF_CELL), get(call, OUTER_CELL)
    of_bias = get(call, OF_BIAS) + share * get(call, NUM_TOKENS) * units * 16
    one = splat(single(1.0))
    outer = get(call, OUTER) + step * batch * units * number
    gates = get(call, GATES) + step * batch * units * 4 * number
    cell = get(call, CELL) + step * batch * units * 4
    cell_after = cell + batch * units * 4
    tokens = get(call, TOKENS)
    if tokens != 0:
        tokens += step * batch * WORD
    for row in range(begin, end):
        of_row = of_bias + token_row(tokens, row, units * 4)
        for block in range(units // 16):
            place = row * units + block * 16
            kept, here = gates + place * 4 * number, delta + (row - begin) * stride + block * 64 * number
            i, f = read(kept, half), read(kept + 16 * number, half)
            g, o = read(kept + 32 * number, half), read(kept + 48 * number, half)
            shown = tanh(load(cell_after + place * 4, 16), half)
            of_h = read(outer + place * number, half) + load(of_hidden + (row * columns + block * 16) * 4, 16)
            of_c = load(of_cell + place * 4, 16) + of_h * o * (one - shown * shown)
            if outer_cell != 0:
                of_c = of_c + load(outer_cell + (step * batch * units + place) * 4, 16)
            store(of_cell + place * 4, of_c * f, 16)
            of_i, of_f = of_c * g * i * (one - i), of_c * load(cell + place * 4, 16) * f * (one - f)
            of_g, of_o = of_c * i * (one - g * g), of_h * shown * o * (one - o)
            write(here, of_i, half)
            write(here + 16 * number, of_f, half)
            write(here + 32 * number, of_g, half)
            write(here + 48 * number, of_o, half)
            bias = of_row + block * 256
            add_to(bias, of_i)
            add_to(bias + 64, of_f)
            add_to(bias + 128, of_g)
            add_to(bias + 192, of_o)
    weights = get(call, WEIGHTS)
    weights = multiply_back(call, half, share, delta, units * 4, weights, columns, False, of_hidden)
    of_inputs = get(call, OF_INPUTS) + step * batch * more * 4
    multiply_back(call, half, share, delta, units * 4, weights, more, False, of_inputs)


@inlined
def backward_share(call, half, share):
    rows, size = first_row(call, share + 1) - first_row(call, share), get(call, UNITS) * 4
    delta, at_once = get(call, DELTA) + share * get(call, DELTA_BYTES), get(call, CHUNK)
    for chunk in range((get(call, STEPS) - 1) // at_once, -1, -1):
        first = chunk * at_once
        steps = min(at_once, get(call, STEPS) - first)
        for step in range(first + steps - 1, first - 1, -1):
            backward_step(call, half, share, step, delta + (step - first) * rows * get(call, DELTA_STRIDE))
        add_state_weights(call, half, share, delta, size, first, steps)
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


def lstm_forward(call):
    forward(call, False)


def lstm_forward_half(call):
    forward(call, True)


def lstm_backward(call):
    backward(call, False)


def lstm_backward_half(call):
    backward(call, True)
