"""A decoder without support for padding reads each padded row as if it were alone."""

import numpy as np

from seqshell.layers import LSTMState, read_padded

TEXTS = np.array([[3, 4, 0, 0, 0], [5, 6, 7, 8, 0], [9, 3, 0, 0, 0], [4, 4, 4, 4, 0]])


def summing(calls):
    """A feed function: its state is the sum and the number of tokens read, its output ten times the sum."""

    def feed(inputs, state):
        calls.append(inputs.tolist())
        state = LSTMState(state.hidden + inputs.sum(1), state.cell + inputs.shape[1])
        return state.hidden * 10, state

    return feed


def test_every_row_is_read_up_to_its_last_token():
    calls = []
    start = LSTMState(np.array([0, 100, 200, 300]), np.zeros(4, np.int64))
    outputs, state = read_padded(summing(calls), TEXTS, start)
    assert outputs.tolist() == [70, 1260, 2120, 3160]
    assert state.hidden.tolist() == [7, 126, 212, 316]
    assert state.cell.tolist() == [2, 4, 2, 4]
    assert calls == [[[3, 4], [5, 6], [9, 3], [4, 4]], [[7, 8], [4, 4]]]  # no padding, one call for each length
    assert start.hidden.tolist() == [0, 100, 200, 300]


def test_rows_without_padding_are_read_in_one_call():
    calls = []
    read_padded(summing(calls), TEXTS[:, :2], LSTMState(np.zeros(4), np.zeros(4)))
    assert calls == [TEXTS[:, :2].tolist()]


def test_an_empty_row_is_read_as_one_padding_token():
    outputs, state = read_padded(summing([]), np.array([[0, 0], [3, 4]]), LSTMState(np.zeros(2), np.zeros(2)))
    assert outputs.tolist() == [0, 70]
    assert state.cell.tolist() == [1, 2]
