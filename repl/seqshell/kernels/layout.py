"""Where the kernels find their numbers: the kinds of layers, and the words (int64) of the blocks they are called with.

Each kernel gets the address of a block of words, of which MODEL is the address of the model's block. Words
marked (array) are the id of a numpy array: the model's word ARRAY says where it has the address of its data. A word is
0 if there is nothing.
"""

from __future__ import annotations

from struct import Struct

WORD = 8  # bytes

# Kinds of layers.
TANH, RELU, SIGMOID, LINEAR, LSTM, GRU = range(6)

# Precisions of weights.
PRECISIONS = FLOAT32, BF16, INT8 = range(3)

# A model: these words, and then a record for each layer.
DEPTH = 0  # layers
SIZE = 1  # H
ARRAY = 2  # bytes from a numpy array's id to the address of its data
READ_WEIGHTS, READ_BIAS, NUM_OUTPUTS = 3, 4, 5  # addresses of the read-out; V
PRECISION = 6  # of all weights
TEAM = 7  # address of the words of a team; 0: one thread computes the model
LAYERS = 8  # where the records begin

# A layer's record.
KIND = 0
WEIGHTS, BIAS = 1, 2  # addresses
NUM_INPUTS = 3  # F, those that `weights` has
CANDIDATE_BIAS = 4  # address; GRU only
GAIN, NORM_BIAS = 5, 6  # addresses; layer normalisation
ADDS_INPUTS = 7  # 1 with a residual connection
RECORD = 8  # words

# One step of all layers, and of the read-out if there are LOGITS. All arrays have the axis B first.
MODEL = 0
FIRST = 1  # (array) the first layer's input products with its biases [G], which begin OFFSET bytes after its beginning
OFFSET = 2
INPUTS = 3  # (array) the first layer's inputs [F], if its weights are not in FIRST
BEFORE, CELL_BEFORE, AFTER, CELL_AFTER = 4, 5, 6, 7  # (array) [L, H]
OUTPUTS = 8  # (array) [L, H]: what each layer passes on, with layer normalisation or residual connections
LOGITS = 9  # (array) [V]
ROWS = 10  # B
step_words = Struct("11q").pack

# Many steps of all layers, T of B rows. The states [L, B, H] are overwritten with the last ones.
CHUNK_TABLE, CHUNK_TABLE_ROW = 1, 2  # (array) the first layer's input products [., G], with its biases; bytes of a row
CHUNK_TOKENS = 3  # (array) [T, B]: the rows of that table; without them, it has the products of all steps [T, B, G]
CHUNK_EXTRA = 4  # (array) [B, F]: the first layer's inputs at every step, if its weights are not in the table
CHUNK_HIDDEN, CHUNK_CELL = 5, 6  # (array) [L, B, H]; of a layer without cells, both are the same
ALL_HIDDEN, ALL_CELLS = 7, 8  # (array) [L, T, B, H]: the states after each step, if they are wanted
ALL_GATES = 9  # (array) [L, T, B, G]: what the gates of layers with several were, if they are wanted
CHUNK_OUTPUTS = 10  # (array) [T, B, H]: what the last layer passes on, if it is wanted
CHUNK_LOGITS, LOGIT_STEPS = 11, 12  # (array) the logits after the last LOGIT_STEPS steps [., B, V]; if FOUND, room
TARGETS, FOUND = 13, 14  # (array) [T, B], and [T, B, 3]: the largest logit m, the sum of exp(l - m), the target's logit
CHUNK_ROOM = 15  # (array) room for the input products [SPAN, B, G] and two times what a layer passes on [SPAN, B, H]
CHUNK_ROWS, CHUNK_STEPS, SPAN = 16, 17, 18  # B, T, and the steps that one layer reads before the next one does
chunk_words = Struct("19q").pack

# Tokens that are drawn and read.
TABLE, TABLE_ROW = 1, 2  # (array) the first layer's input products of every token [V, G]; bytes of a row
STATE = 3  # (array) BEFORE and CELL_BEFORE
BLOCK_OUTPUTS = 5  # (array) [L, H], as OUTPUTS
GIVEN = 6  # (array) [V]: the logits that the first token is drawn from
RULES, NUM_RULES = 7, 8  # (array) [R, 2] float64: a kind of rule, and its number
NUMBERS, NUM_TOKENS = 9, 10  # (array) [N] float64: what draws the tokens; N
TOKENS = 11  # (array) [N]: room for the ids, of which the one after the last is -1
SCRATCH = 12  # (array) [3, V] float64, V rounded up to a multiple of 8
ALL_AFTER = 13  # (array) AFTER and CELL_AFTER of each token [N, L, H]
ALL_LOGITS = 15  # (array) LOGITS of each token [N, V]
block_words = Struct("16q").pack

# A team: the caller and its helper (see `sharing`). What one waits for is 128 bytes away from what the other waits for.
IN_USE = 0  # 1 while a caller has the team
MEETINGS, IS_ALONE = 1, 2  # the caller's number of meetings; 1 if its helper has left it in this step
NUM_ALONE, WAS_LATE = 3, 4  # steps that the caller does alone; how many it does when the helper is late again
CALLER_DONE, HELPER_DONE = 16, 32  # the last meeting that each has come to
BEGUN = 48  # the last part that the helper has begun, negative if the caller has taken it
HELPER_MEETINGS = 49  # the helper's number of meetings
ASLEEP, RUNNING, PATIENCE = 64, 65, 66  # 1, unless the helper waits for work; 1 while it is in `help`; pauses
JOB = 80  # the number of meetings before it, and what `put_job` writes
TEAM_WORDS = 96
CALLER, HELPER = range(2)
MOST_ALONE = 1024  # steps
help_words = Struct("q").pack

# Kinds of rules.
EXCLUDE, DIVIDE, KEEP_BEST, KEEP_NEAR, KEEP_MASS = range(5)


def array_offset() -> int:
    """Bytes from a numpy array's id to the word with the address of its data, which follows what all objects have."""
    return object.__basicsize__
