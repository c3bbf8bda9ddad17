"""All steps of a simple recurrent layer for a batch, and their gradients: h' = f(W x + U h + b)."""

from __future__ import annotations

import numpy as np

from seqshell.kernels.batches.gradients import add_input_weights, add_state_weights
from seqshell.kernels.batches.numbers import take_number
from seqshell.kernels.batches.shared import (
    SHARE,
    add_to,
    first_row,
    first_sums,
    get,
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
    CHUNK,
    DELTA,
    DELTA_BYTES,
    DELTA_STRIDE,
    HIDDEN,
    INPUT_COLUMNS,
    INPUT_STRIDE,
    INPUTS,
    KIND,
    NUM_INPUTS,
    NUM_TOKENS,
    OF_BIAS,
    OF_HIDDEN,
    OF_INPUTS,
    OUTER,
    RELU,
    SCRATCH,
    SHARES,
    STATE_COLUMNS,
    STEPS,
    TANH,
    TOKENS,
    UNITS,
    WEIGHTS,
    WORD,
)
from seqshell.kernels.functions import inlined, single
from seqshell.kernels.lanes import clamp, load, splat


@inlined
def activation(kind, x, half):
    if kind == TANH:
        return tanh(x, half)
    if kind == RELU:
        return clamp(x, single(0.0), single(np.inf))
    return sigmoid(x, half)


@inlined
def slope(kind, y):
    """The derivative of the activation by its value."""
    one = splat(single(1.0))
    if kind == TANH:
        return one - y * y
    if kind == RELU:
        return clamp(y * splat(single(1e38)) * splat(single(1e38)), single(0.0), single(1.0))
    return y * (one - y)


@inlined
def forward_share(call, half, share):
    number = 2 if half else 4  # bytes
    begin, end = first_row(call, share), first_row(call, share + 1)
    batch, units, kind = get(call, BATCH), get(call, UNITS), get(call, KIND)
    num_inputs, input_stride = get(call, NUM_INPUTS), get(call, INPUT_STRIDE)
    inputs, hidden = get(call, INPUTS), get(call, HIDDEN)
    scratch, tokens = get(call, SCRATCH) + share * SHARE, get(call, TOKENS)
    stride = units * number
    for _ in range(get(call, STEPS)):
        weights, bias, after = get(call, WEIGHTS), get(call, BIAS), hidden + batch * stride
        for block in range(units // 64):
            for part in range(num_parts(begin, end)):
                low = part_row(begin, end, part)
                rows = part_row(begin, end, part + 1) - low
                a, b = inputs + low * input_stride, hidden + low * stride
                first_sums(tokens, low, rows, units, bias, 4, scratch)
                multiply4(
                    half, rows, a, input_stride, num_inputs, b, stride, units, weights, scratch, 256, scratch, 256
                )
                for row in range(rows):
                    for lane in range(4):
                        place = (low + row) * units + block * 64 + lane * 16
                        value = activation(kind, load(scratch + row * 256 + lane * 64, 16), half)
                        write(after + place * number, value, half)
            weights += (num_inputs + units) * 64 * number
            bias += 256
        inputs += batch * input_stride
        if tokens != 0:
            tokens += batch * WORD
        hidden = after


@inlined
def backward_step(call, half, share, step, delta):
    number = 2 if half else 4
    begin, end = first_row(call, share), first_row(call, share + 1)
    batch, units, kind = get(call, BATCH), get(call, UNITS), get(call, KIND)
    stride = get(call, DELTA_STRIDE)
    columns, more = get(call, STATE_COLUMNS), get(call, INPUT_COLUMNS)
    of_hidden, of_bias = get(call, OF_HIDDEN), get(call, OF_BIAS) + share * get(call, NUM_TOKENS) * units * 4
    start = step * batch * units * number
    outer = get(call, OUTER) + start
    after = get(call, HIDDEN) + start + batch * units * number
    tokens = get(call, TOKENS)
    if tokens != 0:
        tokens += step * batch * WORD
    for row in range(begin, end):
        of_row = of_bias + token_row(tokens, row, units)
        for block in range(units // 16):
            place = row * units + block * 16
            state = load(of_hidden + (row * columns + block * 16) * 4, 16)
            of_h = read(outer + place * number, half) + state
            value = of_h * slope(kind, read(after + place * number, half))
            write(delta + (row - begin) * stride + block * 16 * number, value, half)
            add_to(of_row + block * 64, value)
    weights = get(call, WEIGHTS)
    weights = multiply_back(call, half, share, delta, units, weights, columns, False, of_hidden)
    of_inputs = get(call, OF_INPUTS) + step * batch * more * 4
    multiply_back(call, half, share, delta, units, weights, more, False, of_inputs)


@inlined
def backward_share(call, half, share):
    rows, size = first_row(call, share + 1) - first_row(call, share), get(call, UNITS)
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


def rnn_forward(call):
    forward(call, False)


def rnn_forward_half(call):
    forward(call, True)


def rnn_backward(call):
    backward(call, False)


def rnn_backward_half(call):
    backward(call, True)
