"""The kernels' layers: one step of an LSTM, of a GRU, and of a layer with one gate. numba compiles this module.

H: hidden units, F: inputs, V: outputs. A layer's weights are packed in blocks of 16 units: [H / 16, F + H, gates, 16],
and those of a layer with one gate, as those of the read-out, in blocks of 64 columns: [H / 64, F + H, 4, 16]
(`packing` makes them). The last block is filled with zeros. What is not a weight, such as biases and states, is as
numpy has it.

A function of a layer computes some of its blocks. A block of weights is read once for all rows, which it is multiplied
with in tiles of at most TILE rows. A row's result does not depend on the others: its sums are added up in the same
order, by the same code.

The logistic function is sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, and the inner half is in the weights, as in
`seqshell.layers.cells`, whose equations these are.
"""

from __future__ import annotations

import numpy as np

from seqshell.kernels.functions import called, denominator, inlined, numerator, single
from seqshell.kernels.lanes import TILE, add_products, clamp, first_lanes, load, room, root, splat, store, total
from seqshell.kernels.layout import BF16, FLOAT32, GRU, INT8, LSTM, RELU, SIGMOID, TANH
from seqshell.kernels.narrow import add_narrow_product, prepare, room_for


@inlined
def tanh(x):
    """Within 4 units in the last place."""
    x = clamp(x, single(-9.0), single(9.0))
    return clamp(numerator(x) / denominator(x), single(-1.0), single(1.0))


@inlined
def logistic(x):
    """sigmoid(2x)."""
    return tanh(x) * splat(single(0.5)) + splat(single(0.5))


@inlined
def block_bytes(weights, number, width):
    """The bytes of a block of weights [number, width, 16]. weights: their precision and address."""
    words = number
    if weights[0] == BF16:
        words = (number + 1) // 2
    elif weights[0] == INT8 and number > 0:
        words = (number + 3) // 4 + 2
    return words * width * 64


@inlined
def readable(weights, place, inputs, number):
    """The address of inputs as the products with such weights read them. place: room for them."""
    if weights[0] != FLOAT32 and number > 0:
        prepare(weights[0], place, inputs, number)
        inputs = place
    return inputs


@inlined
def add(width, precision, rows, sums, inputs, row, number, weights):
    """As add_products, with weights in a precision."""
    if precision == FLOAT32:
        add_products(width, rows, sums, inputs, row, number, weights)
    elif number > 0:
        add_narrow_product(width, precision, sums, inputs, number, weights)


@inlined
def next_rows(left):
    """How many of the rows that are left are multiplied at once; those of a block of weights differ by one at most."""
    return left // ((left + TILE - 1) // TILE)


@inlined
def num_blocks(kind, size):
    """The number of blocks of a layer's or the read-out's weights."""
    width = 16 if kind == LSTM or kind == GRU else 64  # noqa: SIM109  # numba makes no tuple of it
    return (size + width - 1) // width


@inlined
def lstm(blocks, weights, rows, first, first_row, given, size, state, new, row, kept):
    """One step of an LSTM layer. first: the biases or input products [4, H], gates i, f, o, g.

    blocks: the first one, and the one after the last. weights: their precision and address. given: the address of the
    inputs, bytes between their rows, their number, and the number that there are weights for. state, new: the addresses
    of hidden state and cell. first_row, row: bytes between the rows. There is one row, unless the weights are in
    FLOAT32. kept: the address for the gates [B, 4, H], or 0.
    """
    sums, gate, split = room(), 4 * size, block_bytes(weights, given[3], 4)
    precision, packed = weights
    step = split + block_bytes(weights, size, 4)
    inputs, hidden = (
        readable(weights, room_for(given[2]), given[0], given[2]),
        readable(weights, room_for(size), state[0], size),
    )
    for index in range(blocks[0], blocks[1]):
        left, here, block = size - 16 * index, 64 * index, packed + index * step
        done = 0
        while done < rows:
            number = next_rows(rows - done)
            for each in range(number):
                start, place = first + (done + each) * first_row + here, sums + 256 * each
                store(place, load(start, left), 16)
                store(place + 64, load(start + gate, left), 16)
                store(place + 128, load(start + 2 * gate, left), 16)
                store(place + 192, load(start + 3 * gate, left), 16)
            add(4, precision, number, sums, inputs + done * given[1], given[1], given[2], block)
            add(4, precision, number, sums, hidden + done * row, row, size, block + split)
            for each in range(number):
                at, place = (done + each) * row + here, sums + 256 * each
                entry, candidate = logistic(load(place, 16)), tanh(load(place + 192, 16))
                forget, output = logistic(load(place + 64, 16)), logistic(load(place + 128, 16))
                cell = forget * load(state[1] + at, left) + entry * candidate
                store(new[1] + at, cell, left)
                store(new[0] + at, output * tanh(cell), left)
                if kept != 0:
                    at = kept + 4 * gate * (done + each) + here
                    store(at, entry, left)
                    store(at + gate, forget, left)
                    store(at + 2 * gate, output, left)
                    store(at + 3 * gate, candidate, left)
            done += number


@inlined
def gru(blocks, weights, rows, first, first_row, given, size, before, after, row, bias, kept):
    """One step of a GRU layer. first: the biases or input products [3, H], gates r, z, n; bias: of the candidate.

    kept: as for an LSTM, [B, 3, H].
    """
    sums, gate, split = room(), 4 * size, block_bytes(weights, given[3], 3)
    precision, packed = weights
    step = split + block_bytes(weights, size, 3)
    inputs, hidden = (
        readable(weights, room_for(given[2]), given[0], given[2]),
        readable(weights, room_for(size), before, size),
    )
    for index in range(blocks[0], blocks[1]):
        left, here, block = size - 16 * index, 64 * index, packed + index * step
        done = 0
        while done < rows:
            number = next_rows(rows - done)
            for each in range(number):
                start, place = first + (done + each) * first_row + here, sums + 256 * each
                store(place, load(start, left), 16)
                store(place + 64, load(start + gate, left), 16)
                store(place + 128, load(start + 2 * gate, left), 16)
            add(3, precision, number, sums, inputs + done * given[1], given[1], given[2], block)
            for each in range(number):
                place = sums + 256 * each
                store(place + 192, load(place + 128, 16), 16)  # what the inputs give to the candidate
                store(place + 128, load(bias + here, left), 16)
            add(3, precision, number, sums, hidden + done * row, row, size, block + split)
            for each in range(number):
                at, place = (done + each) * row + here, sums + 256 * each
                reset, update = logistic(load(place, 16)), logistic(load(place + 64, 16))
                candidate = tanh(load(place + 192, 16) + reset * load(place + 128, 16))
                old = load(before + at, left)
                store(after + at, candidate + update * (old - candidate), left)
                if kept != 0:
                    at = kept + 3 * gate * (done + each) + here
                    store(at, reset, left)
                    store(at + gate, update, left)
                    store(at + 2 * gate, candidate, left)
            done += number


@inlined
def activation(kind, x):
    """The function of a layer with one gate."""
    if kind == TANH:
        x = tanh(x)
    elif kind == SIGMOID:
        x = logistic(x)
    elif kind == RELU:
        x = clamp(x, single(0.0), single(np.inf))
    return x


@called
def simple(blocks, kind, weights, rows, first, first_row, given, size, before, num_before, row, after, after_row):
    """after = activation(first + [inputs, before] @ weights); a layer with one gate, or the read-out."""
    sums, split = room(), block_bytes(weights, given[3], 4)
    precision, packed = weights
    step = split + block_bytes(weights, num_before, 4)
    inputs, hidden = (
        readable(weights, room_for(given[2]), given[0], given[2]),
        readable(weights, room_for(num_before), before, num_before),
    )
    for index in range(blocks[0], blocks[1]):
        left, here, block = size - 64 * index, 256 * index, packed + index * step
        done = 0
        while done < rows:
            number = next_rows(rows - done)
            for each in range(number):
                start, place = first + (done + each) * first_row + here, sums + 256 * each
                for lanes in range(0, 64, 16):
                    store(place + 4 * lanes, load(start + 4 * lanes, left - lanes), 16)
            add(4, precision, number, sums, inputs + done * given[1], given[1], given[2], block)
            add(4, precision, number, sums, hidden + done * row, row, num_before, block + split)
            for each in range(number):
                start, place = after + (done + each) * after_row + here, sums + 256 * each
                for lanes in range(0, 64, 16):
                    store(start + 4 * lanes, activation(kind, load(place + 4 * lanes, 16)), left - lanes)
            done += number


@called
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
