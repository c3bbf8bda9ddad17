"""The kernels: time steps of stacked recurrent layers and their read-out, for one row. numba compiles this module.

An address is an int64; `word` and `load` read what is there. H: hidden units, F: inputs, V: outputs. A layer's weights
are packed in blocks of 16 units: [H / 16, F + H, gates, 16], and those of a layer with one gate, as those of the
read-out, in blocks of 64 columns: [H / 64, F + H, 4, 16] (`packing` makes them). The last block is filled with zeros.
What is not a weight, such as biases and states, is as numpy has it.

The logistic function is sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, and the inner half is in the weights, as in
`seqshell.layers.cells`, whose equations these are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from seqshell.kernels.lanes import add_product, clamp, first_lanes, load, root, splat, store, total, word
from seqshell.kernels.layout import (
    ADDS_INPUTS,
    AFTER,
    ARRAY,
    BEFORE,
    BIAS,
    CANDIDATE_BIAS,
    CELL_AFTER,
    CELL_BEFORE,
    DEPTH,
    FIRST,
    GAIN,
    GRU,
    INPUTS,
    KIND,
    LAYER,
    LAYERS,
    LINEAR,
    LOGITS,
    LSTM,
    MODEL,
    NORM_BIAS,
    NUM_INPUTS,
    NUM_OUTPUTS,
    OFFSET,
    OUTPUTS,
    PRODUCTS,
    READ_BIAS,
    READ_WEIGHTS,
    RECORD,
    RELU,
    SIGMOID,
    SIZE,
    STATES,
    STEPS,
    TANH,
    WEIGHTS,
    WORD,
)

single = np.float32


def kernel(function: Any) -> Any:
    """A function that becomes part of the kernels that call it."""
    return njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


@kernel
def tanh(x):
    """A quotient of polynomials, within 4 units in the last place; the coefficients are those of the library Eigen."""
    x = clamp(x, single(-9.0), single(9.0))
    y = x * x
    p = splat(single(-2.76076847742355e-16))
    p = p * y + splat(single(2.00018790482477e-13))
    p = p * y + splat(single(-8.60467152213735e-11))
    p = p * y + splat(single(5.12229709037114e-08))
    p = p * y + splat(single(1.48572235717979e-05))
    p = p * y + splat(single(6.37261928875436e-04))
    p = p * y + splat(single(4.89352455891786e-03))
    q = splat(single(1.19825839466702e-06))
    q = q * y + splat(single(1.18534705686654e-04))
    q = q * y + splat(single(2.26843463243900e-03))
    q = q * y + splat(single(4.89352518554385e-03))
    return clamp(x * p / q, single(-1.0), single(1.0))


@kernel
def logistic(x):
    """sigmoid(2x)."""
    return tanh(x) * splat(single(0.5)) + splat(single(0.5))


@kernel
def lstm(first, inputs, num_inputs, packed_inputs, weights, size, before, cell_before, after, cell_after):
    """One step of an LSTM layer. first: the biases or input products [4, H], gates i, f, o, g."""
    for unit in range(0, size, 16):
        left = size - unit
        here = 4 * unit
        row = 4 * size
        start = first + here
        sums = (load(start, left), load(start + row, left), load(start + 2 * row, left), load(start + 3 * row, left))
        sums = add_product(sums, inputs, weights, num_inputs)
        weights += packed_inputs * 256
        sums = add_product(sums, before, weights, size)
        weights += size * 256
        cell = logistic(sums[1]) * load(cell_before + here, left) + logistic(sums[0]) * tanh(sums[3])
        store(cell_after + here, cell, left)
        store(after + here, logistic(sums[2]) * tanh(cell), left)


@kernel
def gru(first, inputs, num_inputs, packed_inputs, weights, size, before, after, candidate_bias):
    """One step of a GRU layer. first: the biases or input products [3, H], gates r, z, n."""
    for unit in range(0, size, 16):
        left = size - unit
        here = 4 * unit
        row = 4 * size
        start = first + here
        sums = (load(start, left), load(start + row, left), load(start + 2 * row, left))
        sums = add_product(sums, inputs, weights, num_inputs)
        weights += packed_inputs * 192
        given = sums[2]
        sums = add_product((sums[0], sums[1], load(candidate_bias + here, left)), before, weights, size)
        weights += size * 192
        candidate = tanh(given + logistic(sums[0]) * sums[2])
        old = load(before + here, left)
        store(after + here, candidate + logistic(sums[1]) * (old - candidate), left)


@kernel
def activation(kind, x):
    """The function of a layer with one gate."""
    if kind == TANH:
        x = tanh(x)
    elif kind == SIGMOID:
        x = logistic(x)
    elif kind == RELU:
        x = clamp(x, single(0.0), single(np.inf))
    return x


@kernel
def simple(kind, first, inputs, num_inputs, packed_inputs, weights, size, before, num_before, after):
    """after = activation(first + [inputs, before] @ weights); a layer with one gate, or the read-out."""
    for unit in range(0, size, 64):
        left = size - unit
        start = first + 4 * unit
        sums = (
            load(start, left),
            load(start + 64, left - 16),
            load(start + 128, left - 32),
            load(start + 192, left - 48),
        )
        sums = add_product(sums, inputs, weights, num_inputs)
        weights += packed_inputs * 256
        sums = add_product(sums, before, weights, num_before)
        weights += num_before * 256
        start = after + 4 * unit
        store(start, activation(kind, sums[0]), left)
        store(start + 64, activation(kind, sums[1]), left - 16)
        store(start + 128, activation(kind, sums[2]), left - 32)
        store(start + 192, activation(kind, sums[3]), left - 48)


@kernel
def layer_output(size, hidden, inputs, outputs, gain, bias, adds_inputs):
    """outputs = LayerNorm(hidden), or hidden if there is no gain; plus the inputs if they are added."""
    mean = splat(single(0.0))
    scale = splat(single(1.0))
    if gain != 0:
        for unit in range(0, size, 16):
            mean = mean + load(hidden + 4 * unit, size - unit)
        share = splat(single(1.0) / single(size))
        mean = total(mean) * share
        squares = splat(single(0.0))
        for unit in range(0, size, 16):
            centred = first_lanes(load(hidden + 4 * unit, size - unit) - mean, size - unit)
            squares = squares + centred * centred
        scale = splat(single(1.0)) / root(total(squares) * share + splat(single(1e-5)))
    for unit in range(0, size, 16):
        left = size - unit
        here = 4 * unit
        value = load(hidden + here, left)
        if gain != 0:
            value = (value - mean) * scale * load(gain + here, left) + load(bias + here, left)
        if adds_inputs != 0:
            value = value + load(inputs + here, left)
        store(outputs + here, value, left)


@kernel
def layer_step(record, size, first, inputs, before, cell_before, after, cell_after):
    """One step of the layer of a record. inputs: 0 if their product is in `first`."""
    kind = word(record + KIND * WORD)
    weights = word(record + WEIGHTS * WORD)
    packed_inputs = word(record + NUM_INPUTS * WORD)
    num_inputs = packed_inputs if inputs != 0 else 0
    if kind == LSTM:
        lstm(first, inputs, num_inputs, packed_inputs, weights, size, before, cell_before, after, cell_after)
    elif kind == GRU:
        bias = word(record + CANDIDATE_BIAS * WORD)
        gru(first, inputs, num_inputs, packed_inputs, weights, size, before, after, bias)
    else:
        simple(kind, first, inputs, num_inputs, packed_inputs, weights, size, before, size, after)


@kernel
def array(call, model, place):
    """The address of the data of the array whose id is in a word of the call; 0 if there is none."""
    found = word(call + place * WORD)
    return word(found + word(model + ARRAY * WORD)) if found != 0 else found


@kernel
def model_step(model, first, inputs, before, cell_before, after, cell_after, outputs, logits):
    """One step of all layers and of the read-out, with the addresses of what `layout` names."""
    size = word(model + SIZE * WORD)
    record = model + LAYERS * WORD
    for layer in range(word(model + DEPTH * WORD)):
        if layer > 0:
            first = word(record + BIAS * WORD)
        layer_step(record, size, first, inputs, before, cell_before, after, cell_after)
        if outputs != 0:
            gain, bias = word(record + GAIN * WORD), word(record + NORM_BIAS * WORD)
            layer_output(size, after, inputs, outputs, gain, bias, word(record + ADDS_INPUTS * WORD))
            inputs = outputs
            outputs += 4 * size
        else:
            inputs = after
        before += 4 * size
        cell_before += 4 * size
        after += 4 * size
        cell_after += 4 * size
        record += RECORD * WORD
    if logits != 0:
        bias, weights = word(model + READ_BIAS * WORD), word(model + READ_WEIGHTS * WORD)
        simple(LINEAR, bias, inputs, size, size, weights, word(model + NUM_OUTPUTS * WORD), inputs, 0, logits)


@kernel
def step(call):
    """One step of all layers and of the read-out. call: the address of the words from MODEL to LOGITS."""
    model = word(call + MODEL * WORD)
    first = array(call, model, FIRST) + word(call + OFFSET * WORD)
    inputs = array(call, model, INPUTS)
    before = array(call, model, BEFORE)
    cell_before = array(call, model, CELL_BEFORE)
    after = array(call, model, AFTER)
    cell_after = array(call, model, CELL_AFTER)
    outputs, logits = array(call, model, OUTPUTS), array(call, model, LOGITS)
    model_step(model, first, inputs, before, cell_before, after, cell_after, outputs, logits)


@kernel
def advance(call):
    """Many steps of one layer, whose input products are known. call: the address of words from MODEL to PRODUCTS."""
    model = word(call + MODEL * WORD)
    size = word(model + SIZE * WORD)
    record = model + (LAYERS + RECORD * word(call + LAYER * WORD)) * WORD
    kind = word(record + KIND * WORD)
    row = 4 * size * (4 if kind == LSTM else 3 if kind == GRU else 1)
    first = array(call, model, PRODUCTS)
    before = array(call, model, STATES)
    cell_before = array(call, model, STATES + 1)
    after = array(call, model, STATES + 2)
    cell_after = array(call, model, STATES + 3)
    for _ in range(word(call + STEPS * WORD)):
        layer_step(record, size, first, 0, before, cell_before, after, cell_after)
        first += row
        before = after
        cell_before = cell_after
        after += 4 * size
