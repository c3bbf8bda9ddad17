"""The kernel that reads many tokens: all layers over a chunk of time steps, and what the outputs say of the targets.

A layer reads a span of steps, and then the next layer does. So a layer's input weights are multiplied with the rows of
all steps of a span, and only its recurrent weights are read at each step. The sums are those of single steps, in the
same order: the results are the same to the last bit.
"""

from __future__ import annotations

from seqshell.kernels.cells import add, block_bytes, layer_output, next_rows, readable
from seqshell.kernels.functions import called, exponential, inlined, single
from seqshell.kernels.lanes import first_lanes, larger, largest, load, room, splat, store, total, word
from seqshell.kernels.layout import (
    ADDS_INPUTS,
    ALL_CELLS,
    ALL_GATES,
    ALL_HIDDEN,
    BIAS,
    CALLER,
    CHUNK_CELL,
    CHUNK_EXTRA,
    CHUNK_HIDDEN,
    CHUNK_LOGITS,
    CHUNK_OUTPUTS,
    CHUNK_ROOM,
    CHUNK_ROWS,
    CHUNK_STEPS,
    CHUNK_TABLE,
    CHUNK_TABLE_ROW,
    CHUNK_TOKENS,
    DEPTH,
    FLOAT32,
    FOUND,
    GAIN,
    KIND,
    LAYERS,
    LOGIT_STEPS,
    MODEL,
    NORM_BIAS,
    NUM_INPUTS,
    NUM_OUTPUTS,
    PRECISION,
    RECORD,
    SIZE,
    SPAN,
    TARGETS,
    WEIGHTS,
    WORD,
)
from seqshell.kernels.narrow import room_for
from seqshell.kernels.steps import array, layer_step, num_gates, read_out

LOWEST = single(-3e38)


@called
def find(logits, size, target, found):
    """Write the largest of the logits [V], the sum of exp(logit - largest), and the target's logit to `found`."""
    one, top = splat(single(1.0)), splat(LOWEST)
    for start in range(0, size, 16):
        beyond = (first_lanes(one, size - start) - one) * splat(-LOWEST)
        top = larger(load(logits + 4 * start, size - start) + beyond, top)
    top = largest(top)
    sums = splat(single(0.0))
    for start in range(0, size, 16):
        left = size - start
        sums = sums + first_lanes(exponential(load(logits + 4 * start, left) - top), left)
    store(found, top, 1)
    store(found + 4, total(sums), 1)
    store(found + 8, load(logits + 4 * target, 1), 1)


@called
def copy(number, source, place):
    """Copy float32."""
    for start in range(0, number, 16):
        store(place + 4 * start, load(source + 4 * start, number - start), number - start)


@called
def multiply_inputs(precision, record, rows, size, inputs, input_row, first, first_row, out):
    """out [rows, G] = first + inputs @ the layer's input weights, each row as in a step. first may be out."""
    gates, number = num_gates(word(record + KIND * WORD)), word(record + NUM_INPUTS * WORD)
    weights = precision, word(record + WEIGHTS * WORD)
    width, units, apart = 4, 64, 64  # vectors of a block, its units, and bytes from one vector to the next
    if gates > 1:
        width, units, apart = gates, 16, 4 * size
    step = block_bytes(weights, number, width) + block_bytes(weights, size, width)
    sums, place, row, at_once = room(), room_for(number), 4 * gates * size, rows if precision == FLOAT32 else 1
    for begin in range(0, rows, at_once):
        given, block = readable(weights, place, inputs + begin * input_row, number), weights[1]
        for unit in range(0, size, units):
            left, done = size - unit, 0
            while done < at_once:
                taken = next_rows(at_once - done)
                for each in range(taken):
                    start = first + (begin + done + each) * first_row + 4 * unit
                    for lane in range(width):
                        rest = left - 16 * lane if gates == 1 else left
                        store(sums + 256 * each + 64 * lane, load(start + apart * lane, rest), 16)
                if width == 3:
                    add(3, precision, taken, sums, given + done * input_row, input_row, number, block)
                else:
                    add(4, precision, taken, sums, given + done * input_row, input_row, number, block)
                for each in range(taken):
                    start = out + (begin + done + each) * row + 4 * unit
                    for lane in range(width):
                        rest = left - 16 * lane if gates == 1 else left
                        store(start + apart * lane, load(sums + 256 * each + 64 * lane, 16), rest)
                done += taken
            block += step


@inlined
def first_products(call, model, record, begin, steps, rows, size, products):
    """The input products of the first layer for some steps; `products` is room for them. Returns their address."""
    precision, width = word(model + PRECISION * WORD), size * num_gates(word(record + KIND * WORD))
    table, table_row = array(call, model, CHUNK_TABLE), word(call + CHUNK_TABLE_ROW * WORD)
    tokens, extra = array(call, model, CHUNK_TOKENS), array(call, model, CHUNK_EXTRA)
    if tokens == 0:
        table += begin * rows * table_row
        if extra == 0:
            return table
    for each in range(steps * rows):
        token = each if tokens == 0 else word(tokens + (begin * rows + each) * WORD)
        copy(width, table + token * table_row, products + 4 * width * each)
    if extra != 0:
        extra_row = 4 * word(record + NUM_INPUTS * WORD)
        for each in range(steps):
            place = products + 4 * width * rows * each
            multiply_inputs(precision, record, rows, size, extra, extra_row, place, 4 * width, place)
    return products


@inlined
def chunk(call):
    """Many steps of all layers. call: the address of the words from MODEL to SPAN."""
    model = word(call + MODEL * WORD)
    size, depth, precision = word(model + SIZE * WORD), word(model + DEPTH * WORD), word(model + PRECISION * WORD)
    rows, steps, span = word(call + CHUNK_ROWS * WORD), word(call + CHUNK_STEPS * WORD), word(call + SPAN * WORD)
    hidden, cell = array(call, model, CHUNK_HIDDEN), array(call, model, CHUNK_CELL)
    all_hidden, all_cells = array(call, model, ALL_HIDDEN), array(call, model, ALL_CELLS)
    all_gates = array(call, model, ALL_GATES)
    outputs, products = array(call, model, CHUNK_OUTPUTS), array(call, model, CHUNK_ROOM)
    logits, logit_steps = array(call, model, CHUNK_LOGITS), word(call + LOGIT_STEPS * WORD)
    targets, found = array(call, model, TARGETS), array(call, model, FOUND)
    num_outputs = word(model + NUM_OUTPUTS * WORD)
    row, record = 4 * size, model + LAYERS * WORD
    one = rows * row  # bytes of a state of one layer
    for begin in range(0, steps, span):
        taken = min(span, steps - begin)
        record = model + LAYERS * WORD
        width = 4 * size * num_gates(word(record + KIND * WORD))
        values = products + span * rows * width  # room for what two layers pass on comes after the products
        inputs = values
        for layer in range(depth):
            if layer == 0:
                given = first_products(call, model, record, begin, taken, rows, size, products)
            else:
                given = products
                bias = word(record + BIAS * WORD)
                multiply_inputs(precision, record, taken * rows, size, inputs, row, bias, 0, given)
            place = values + layer % 2 * span * one
            if layer == depth - 1 and outputs != 0:
                place = outputs + begin * one
            after, cell_after = place, cell + layer * one
            if all_hidden != 0:
                after = all_hidden + (layer * steps + begin) * one
                cell_after = all_cells + (layer * steps + begin) * one
            before, cell_before = hidden + layer * one, cell + layer * one
            states, gates = after, all_gates
            if all_gates != 0:
                gates += (layer * steps + begin) * rows * width
            for _ in range(taken):
                state, new = (before, cell_before), (after, cell_after)
                layer_step(0, CALLER, precision, record, rows, size, given, width, 0, 0, state, new, row, gates)
                if gates != 0:
                    gates += rows * width
                given += rows * width
                before, cell_before = after, cell_after
                after += one
                if all_hidden != 0:
                    cell_after += one
            copy(rows * size, before, hidden + layer * one)
            if cell_before != cell + layer * one:
                copy(rows * size, cell_before, cell + layer * one)
            gain, bias = word(record + GAIN * WORD), word(record + NORM_BIAS * WORD)
            adds = word(record + ADDS_INPUTS * WORD)
            if gain != 0 or adds != 0 or (all_hidden != 0 and layer == depth - 1 and outputs != 0):
                for each in range(taken * rows):
                    skipped = each * row
                    layer_output(size, states + skipped, inputs + skipped, place + skipped, gain, bias, adds)
                inputs = place
            else:
                inputs = states
            record += RECORD * WORD
        first = max(0, steps - logit_steps - begin)  # of the steps whose logits are wanted
        if logits != 0 and first < taken:
            number = (taken - first) * rows
            place = logits
            if found == 0:
                place += 4 * num_outputs * rows * (begin + first - (steps - logit_steps))
            read_out(0, CALLER, model, number, inputs + first * one, row, place)
            if found != 0:
                for each in range(begin * rows, (begin + taken) * rows):
                    find(place, num_outputs, word(targets + each * WORD), found + 12 * each)
                    place += 4 * num_outputs
