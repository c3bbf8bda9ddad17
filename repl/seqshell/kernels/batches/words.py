"""The words (int64) of a call: sizes, and the addresses of tensors. T: steps, B: rows, F: inputs, P: padded units.

Time is the first dimension. A layer's units are padded with zeros to blocks of 16 (lstm, gru) or 64 (rnn), and a block
has its gates side by side: [P / 16, gates, 16]. Numbers are float32 or, where marked *, bf16 in the kernels for bf16.
"""

from __future__ import annotations

WORD = 8  # bytes
NEXT, SHARES = 0, 1  # the number of the next share of the rows, and of all
STEPS, BATCH, UNITS = 2, 3, 4  # T, B, P
INPUTS, NUM_INPUTS, INPUT_STRIDE = 5, 6, 7  # forward: [T, B, F]*; bytes from row to row
WEIGHTS, BIAS = 8, 9  # packed*; [V or 1, P / 16, gates, 16]: what is added for each token, or for all rows
HIDDEN, CELL = 10, 11  # [T + 1, B, P]*, [T + 1, B, P]: the state before each step and after the last
GATES = 12  # [T, B, P / 16, 4, 16]*, 0: not kept. lstm: i, f, g, o; gru: r, z, n, U_n h + b
SCRATCH = 13  # [shares, 512], of which the last 64 are zeros
OUTER = 14  # backward: the gradient of the hidden states, [T, B, P]*
OUTER_CELL = 30  # that of the cells, [T, B, P], 0: none
# [shares, CHUNK, rows of a share, P / 16, gates, 16]*: the gradient of the gates' sums in some steps, and the bytes of
# a row and of a share; gru: of the input products, n, r, z
DELTA, DELTA_STRIDE, DELTA_BYTES = 15, 32, 33
CHUNK, MOST_ROWS = 34, 35  # steps in a chunk, and the rows of a share in all of them
OF_HIDDEN, OF_CELL = 16, 17  # [B, N], [B, P]: gradient of the state, before the call of the last, after it of the first
STATE_COLUMNS, INPUT_COLUMNS = 18, 19  # N, M: units and inputs, padded to blocks of 64
OF_INPUTS = 20  # [T, B, M]
OF_BIAS = 21  # [shares, V or 1, P / 16, gates, 16], zeros before the call
KIND = 22  # rnn: TANH, RELU or SIGMOID
RECURRENT_DELTA = 23  # gru: the same for the recurrent products, r, z, n
CANDIDATE_BIAS = 24  # gru: [P / 16, 16], that of the candidate's recurrent product
OF_CANDIDATE_BIAS = 25  # [shares, P / 16, 16], zeros before the call
TOKENS, NUM_TOKENS = 28, 29  # [T, B] int64, which choose rows of the bias, 0: the first one; V or 1
OF_WEIGHTS, OF_INPUT_WEIGHTS = 26, 36  # [shares, gates * P, N] and the columns of the inputs, zeros before the call
PANELS, PANEL_BYTES = 27, 37  # [shares, TILE + columns, MOST_ROWS]: copies of some rows, and the bytes of a share
WORDS = 40
TILE = 288  # columns of DELTA whose products with the inputs are finished before the next ones

TANH, RELU, SIGMOID = 0, 1, 2

# The read-out: BATCH rows of INPUTS, NUM_INPUTS and WEIGHTS as above; TOKENS: the targets [N], -1: none; and
COLUMNS, OUTPUTS = 18, 19  # V, padded to vectors of 16: W; V
CHOICES = 12  # [2, 16]: the probability of the target, and that of every token besides
FOUND = 10  # [N, 4]: of each row the largest logit m, the sum of exp(l - m), the target's logit and the sum of logits
LOGITS = 13  # [shares, 48, W]
# BIAS [W], OF_BIAS [shares, W], and DELTA [N, W]*: the gradient of the logits; 0: not needed

# The gradient of its weights: UNITS rows of OF_WEIGHTS [W], INPUT_COLUMNS, BATCH: the rows of DELTA and INPUTS, and
# PANELS [shares, W + columns, 128]
