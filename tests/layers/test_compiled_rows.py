"""Compiled steps of several rows: each row's results are those of the row alone, to the last bit."""

import numpy as np
import pytest
from tests.layers.stacks import CELLS, E, V, same, stacks

from seqshell.core.state import leaves, rows
from seqshell.layers import Linear, LSTMState, OutputStack, RecurrentStack
from seqshell.layers.cells import GRULayer, LSTMLayer


def bits(outputs, state):
    return [array.tobytes() for array in (outputs, *leaves(state))]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("number", [2, 5, 6, 7, 13])
@pytest.mark.parametrize("cell", CELLS)
def test_rows_equal_those_of_numpy_and_in_every_bit_each_row_alone(cell, number):
    plain, compiled = stacks(cell, 20, depth=2, norm=cell is GRULayer, residual=number > 6, one_hot=number == 5)
    tokens = np.random.default_rng(number).integers(0, V, (3, number))
    expected, state = plain.initial_state(number), compiled.initial_state(number)
    alone = [compiled.initial_state() for _ in range(number)]
    for column in tokens:
        right, expected = plain.step(column, expected)
        logits, state = compiled.step(column, state)
        same((logits, state), (right, expected))
        for row, token in enumerate(column):
            own, alone[row] = compiled.step(np.array([token]), alone[row])
            assert bits(own, alone[row]) == bits(logits[row : row + 1], rows(state, [row]))
    if cell is not GRULayer and number <= 6:
        assert compiled.last_outputs(state).tobytes() == logits.tobytes()


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("cell", [LSTMLayer, GRULayer])
def test_extra_inputs_are_multiplied_row_by_row_too(cell):
    from seqshell.layers import CompiledStack

    random = np.random.default_rng(0)

    def numbers(*shape):
        return random.normal(0, 0.3, shape).astype(np.float32)

    size, extra = 20, numbers(7, 9)
    layer = cell(*(numbers(CELLS[cell] * size, *width) for width in ((E + 9,), (size,), (), ())))
    stack = RecurrentStack([layer], numbers(V, E))
    plain, compiled = OutputStack(stack), CompiledStack(stack)
    tokens = random.integers(0, V, 7)
    start = compiled.step(tokens, compiled.initial_state(7))[1]
    together = compiled.step(tokens, start, extra)
    same(together, plain.step(tokens, start, extra))
    for row in range(7):
        own = compiled.step(tokens[row : row + 1], rows(start, [row]), extra[row : row + 1])
        assert bits(*own) == bits(together[0][row : row + 1], rows(together[1], [row]))


@pytest.mark.usefixtures("compiled")
def test_a_linear_layer_multiplies_each_row_alone():
    from seqshell.layers import CompiledLinear

    random = np.random.default_rng(0)
    weight, inputs = random.random((130, 17), np.float32), random.random((9, 17), np.float32)
    for bias in (None, weight[:, 0]):
        plain = Linear(weight, bias)
        layer = CompiledLinear(plain)
        np.testing.assert_allclose(layer(inputs), plain(inputs), rtol=1e-6)
        assert layer(inputs).tobytes() == b"".join(layer(row[None]).tobytes() for row in inputs)
        assert layer(inputs[None]).tobytes() == plain(inputs[None]).tobytes()


@pytest.mark.usefixtures("compiled")
def test_a_state_with_another_number_of_rows_is_refused():
    _, compiled = stacks(LSTMLayer, 20)
    tokens = np.array([3, 4])
    for state in (compiled.initial_state(3), compiled.step(tokens[:1], compiled.initial_state())[1]):
        with pytest.raises(ValueError, match="the state"):
            compiled.step(tokens, LSTMState(*state))
        with pytest.raises(ValueError, match="the state"):
            compiled.step(tokens, state)
