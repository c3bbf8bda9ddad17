"""The kernels: time steps of stacked recurrent layers and their read-out. numba compiles this module.

An address is an int64; `word` and `load` read what is there. `cells` has the layers and says how weights are packed.
"""

from __future__ import annotations

from seqshell.kernels.cells import gru, layer_output, lstm, num_blocks, simple
from seqshell.kernels.functions import called, inlined
from seqshell.kernels.lanes import word
from seqshell.kernels.layout import (
    ADDS_INPUTS,
    AFTER,
    ARRAY,
    ASLEEP,
    BEFORE,
    BIAS,
    CALLER,
    CANDIDATE_BIAS,
    CELL_AFTER,
    CELL_BEFORE,
    DEPTH,
    FIRST,
    FLOAT32,
    GAIN,
    GRU,
    HELPER,
    HELPER_MEETINGS,
    INPUTS,
    JOB,
    KIND,
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
    PATIENCE,
    PRECISION,
    READ_BIAS,
    READ_WEIGHTS,
    RECORD,
    ROWS,
    RUNNING,
    SIZE,
    TEAM,
    WEIGHTS,
    WORD,
)
from seqshell.kernels.scalars import put_int64
from seqshell.kernels.sharing import (
    begin,
    end,
    fetch,
    job_word,
    may_begin,
    meet,
    own_blocks,
    pause,
    put_job,
    put_shared,
    replaced,
    shared_word,
)


@inlined
def num_gates(kind):
    """The number of gates of a layer."""
    return 4 if kind == LSTM else 3 if kind == GRU else 1


@called
def layer_blocks(blocks, precision, record, rows, size, first, first_row, inputs, input_row, state, new, row, kept):
    """Some blocks of one step of the layer of a record. inputs: 0 if their product is in `first`; kept: as in
    `lstm`.
    """
    kind, packed_inputs = word(record + KIND * WORD), word(record + NUM_INPUTS * WORD)
    weights = precision, word(record + WEIGHTS * WORD)
    number = rows if precision == FLOAT32 else 1
    for done in range(0, rows, number):
        given = inputs + done * input_row, input_row, packed_inputs if inputs != 0 else 0, packed_inputs
        start, skipped = first + done * first_row, done * row
        before, after = (state[0] + skipped, state[1] + skipped), (new[0] + skipped, new[1] + skipped)
        gates = kept
        if kept != 0:
            gates += done * 4 * size * num_gates(kind)
        if kind == LSTM:
            lstm(blocks, weights, number, start, first_row, given, size, before, after, row, gates)
        elif kind == GRU:
            bias = word(record + CANDIDATE_BIAS * WORD)
            gru(blocks, weights, number, start, first_row, given, size, before[0], after[0], row, bias, gates)
        else:
            simple(blocks, kind, weights, number, start, first_row, given, size, before[0], size, row, after[0], row)


@called
def layer_step(team, side, precision, record, rows, size, first, first_row, inputs, input_row, state, new, row, kept):
    """This thread's part of one step of the layer of a record. team, side: 0 and CALLER if it is all of it."""
    number = num_blocks(word(record + KIND * WORD), size)
    blocks = own_blocks(team, side, number)
    if inputs != 0:
        fetch(team, inputs, word(record + NUM_INPUTS * WORD))
    fetch(team, state[0], size)
    layer_blocks(blocks, precision, record, rows, size, first, first_row, inputs, input_row, state, new, row, kept)
    blocks = meet(team, side, number)
    if blocks[0] < blocks[1]:
        layer_blocks(blocks, precision, record, rows, size, first, first_row, inputs, input_row, state, new, row, kept)


@inlined
def array(call, model, place):
    """The address of the data of the array whose id is in a word of the call; 0 if there is none."""
    found = word(call + place * WORD)
    return word(found + word(model + ARRAY * WORD)) if found != 0 else found


@called
def readout_blocks(blocks, model, rows, inputs, input_row, logits):
    """Some blocks of the read-out."""
    size, precision = word(model + SIZE * WORD), word(model + PRECISION * WORD)
    bias, outputs = word(model + READ_BIAS * WORD), word(model + NUM_OUTPUTS * WORD)
    weights = precision, word(model + READ_WEIGHTS * WORD)
    number = rows if precision == FLOAT32 else 1
    for done in range(0, rows, number):
        start = inputs + done * input_row
        given = start, input_row, size, size
        after = logits + done * 4 * outputs
        simple(blocks, LINEAR, weights, number, bias, 0, given, outputs, start, 0, 0, after, 4 * outputs)


@called
def read_out(team, side, model, rows, inputs, input_row, logits):
    """logits [rows, V] = the read-out of inputs [rows, H], which begin every `input_row` bytes; this thread's part."""
    number = num_blocks(LINEAR, word(model + NUM_OUTPUTS * WORD))
    blocks = own_blocks(team, side, number)
    fetch(team, inputs, word(model + SIZE * WORD))
    readout_blocks(blocks, model, rows, inputs, input_row, logits)
    blocks = meet(team, side, number)
    if blocks[0] < blocks[1]:
        readout_blocks(blocks, model, rows, inputs, input_row, logits)


@called
def part_of_step(team, side, model, rows, first, inputs, state, new, outputs, logits):
    """This thread's part of model_step."""
    if not may_begin(team, side):
        return
    has_begun = True
    size, depth, precision = word(model + SIZE * WORD), word(model + DEPTH * WORD), word(model + PRECISION * WORD)
    row = 4 * size * depth
    record = model + LAYERS * WORD
    first_row, input_row = 0, 4 * size
    if depth > 0:
        first_row, input_row = 4 * size * num_gates(word(record + KIND * WORD)), 4 * word(record + NUM_INPUTS * WORD)
    for layer in range(depth):
        if not has_begun and not may_begin(team, side):
            return
        has_begun = False
        if layer > 0:
            first, first_row = word(record + BIAS * WORD), 0
        layer_step(team, side, precision, record, rows, size, first, first_row, inputs, input_row, state, new, row, 0)
        if outputs != 0:
            if not may_begin(team, side):
                return
            if side == CALLER:
                gain, bias, adds = (
                    word(record + GAIN * WORD),
                    word(record + NORM_BIAS * WORD),
                    word(record + ADDS_INPUTS * WORD),
                )
                for each in range(rows):
                    place = each * row
                    layer_output(size, new[0] + place, inputs + each * input_row, outputs + place, gain, bias, adds)
            meet(team, side, 0)
            inputs = outputs
            outputs += 4 * size
        else:
            inputs = new[0]
        input_row = row
        state = (state[0] + 4 * size, state[1] + 4 * size)
        new = (new[0] + 4 * size, new[1] + 4 * size)
        record += RECORD * WORD
    if logits != 0 and (has_begun or may_begin(team, side)):
        read_out(team, side, model, rows, inputs, input_row, logits)


@called
def model_step(model, rows, first, inputs, state, new, outputs, logits):
    """One step of all layers and of the read-out, with the addresses of what `layout` names."""
    team = begin(word(model + TEAM * WORD))
    if team != 0:
        put_job(team, model, rows, first, inputs, state, new, outputs, logits)
    part_of_step(team, CALLER, model, rows, first, inputs, state, new, outputs, logits)
    end(team)


@inlined
def step(call):
    """One step of all layers and of the read-out. call: the address of the words from MODEL to ROWS."""
    model = word(call + MODEL * WORD)
    first = array(call, model, FIRST) + word(call + OFFSET * WORD)
    inputs = array(call, model, INPUTS)
    state = (array(call, model, BEFORE), array(call, model, CELL_BEFORE))
    new = (array(call, model, AFTER), array(call, model, CELL_AFTER))
    outputs, logits = array(call, model, OUTPUTS), array(call, model, LOGITS)
    model_step(model, word(call + ROWS * WORD), first, inputs, state, new, outputs, logits)


@inlined
def help(call):
    """Take part in the steps of callers, until none has come for as long as PATIENCE says."""
    team = word(call + MODEL * WORD)
    if not replaced(team + RUNNING * WORD, 0, 1):
        return
    put_shared(team + ASLEEP * WORD, 0)
    job, last, pauses = team + JOB * WORD, -1, 0
    while pauses < shared_word(team + PATIENCE * WORD):
        meetings = shared_word(job)
        if meetings == last:
            pause()
            pauses += 1
            continue
        last, pauses = meetings, 0
        put_int64(team + HELPER_MEETINGS * WORD, meetings)
        # These may be words of several steps if it comes too late; then it does not begin.
        model, rows, first, inputs = job_word(job, 1), job_word(job, 2), job_word(job, 3), job_word(job, 4)
        state, new = (job_word(job, 5), job_word(job, 6)), (job_word(job, 7), job_word(job, 8))
        part_of_step(team, HELPER, model, rows, first, inputs, state, new, job_word(job, 9), job_word(job, 10))
    put_shared(team + ASLEEP * WORD, 1)
    put_shared(team + RUNNING * WORD, 0)
