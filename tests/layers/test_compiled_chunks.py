"""Many steps in one compiled call: what they return equals that of single steps, to the last bit."""

import numpy as np
import pytest
from tests.layers.stacks import CELLS, E, V, same, stacks

from seqshell.core.state import leaves
from seqshell.layers import Linear, OutputStack, RecurrentStack
from seqshell.layers.cells import GRULayer, LSTMLayer, TanhLayer


def bits(*arrays):
    return [np.ascontiguousarray(array).tobytes() for array in arrays]


def one_by_one(stack, inputs, state, *extra):
    """The outputs [B, T, O], and the leaves after every step [B, T, L, H]."""
    outputs, states = [], []
    for place in range(inputs.shape[1]):
        found, state = stack.step(inputs[:, place], state, *extra)
        outputs.append(found)
        states.append([*leaves(state)])
    return np.stack(outputs, 1), [np.stack(each, 1) for each in zip(*states, strict=True)]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(("rows", "steps", "norm", "residual"), [(1, 70, 0, 0), (7, 19, 1, 1), (70, 3, 1, 0)])
@pytest.mark.parametrize("cell", CELLS)
def test_a_chunk_equals_single_steps_and_gates_those_of_numpy(cell, rows, steps, norm, residual):
    plain, compiled = stacks(cell, 65 if cell is TanhLayer else 20, depth=3, norm=norm, residual=residual)
    random = np.random.default_rng(rows)
    inputs, targets = random.integers(-V, V, (2, rows, steps))
    start = compiled.step(inputs[:, 0], compiled.initial_state(rows))[1]
    kept = bits(*leaves(start))
    outputs, states = one_by_one(compiled, inputs, start)
    last = [state[:, -1] for state in states]

    fed = compiled.feed(inputs, start)
    assert bits(fed[0], *leaves(fed[1])) == bits(outputs[:, -1], *last)
    read = compiled.read(inputs, start)
    assert bits(read[0], *leaves(read[1])) == bits(outputs, *last)
    *traced, each, named = compiled.trace(inputs, start)
    assert bits(traced[0], *leaves(traced[1])) == bits(outputs, *last)
    assert bits(*leaves(each)) == bits(*states)
    expected = plain.trace(inputs, start)[3]
    assert named.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(named[name], array, rtol=0, atol=5e-6)
    nats, after = compiled.surprisals(inputs, targets, start)
    assert bits(*leaves(after)) == bits(*last)
    np.testing.assert_allclose(nats, plain.surprisals(inputs, targets, start)[0], rtol=0, atol=5e-6)
    assert bits(*leaves(start)) == kept


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("precision", ["float32", "bf16", "int8"])
@pytest.mark.parametrize("cell", [LSTMLayer, GRULayer, TanhLayer])
def test_extra_inputs_and_rounded_weights_are_those_of_steps_too(cell, precision):
    from seqshell.layers import CompiledStack

    random = np.random.default_rng(0)

    def numbers(*shape):
        return random.normal(0, 0.3, shape).astype(np.float32)

    size, rows, extra = 20, 3, numbers(3, 9)
    sizes = [E + 9, size]
    layers = [cell(*(numbers(CELLS[cell] * size, *width) for width in ((each,), (size,), (), ()))) for each in sizes]
    stack = RecurrentStack(layers, numbers(V, E))
    compiled = CompiledStack(stack).in_precision(precision)
    inputs = random.integers(0, V, (rows, 30))
    outputs, states = one_by_one(compiled, inputs, compiled.initial_state(rows), extra)
    for method, expected in ((compiled.read, outputs), (compiled.feed, outputs[:, -1])):
        found, state = method(inputs, compiled.initial_state(rows), extra)
        assert bits(found, *leaves(state)) == bits(expected, *(each[:, -1] for each in states))
    with pytest.raises(ValueError, match="the extra inputs are"):
        compiled.read(inputs, compiled.initial_state(rows), extra[:2])


@pytest.mark.usefixtures("compiled")
def test_values_are_read_as_numpy_reads_them():
    from seqshell.layers import CompiledStack

    random = np.random.default_rng(0)
    numbers = random.normal(0, 0.3, (3, 12, 40)).astype(np.float32)
    layer = TanhLayer(numbers[0, :, :5], numbers[0, :, 5:17], numbers[1, 0, :12], numbers[1, 1, :12])
    plain, compiled = (
        kind(RecurrentStack([layer]), Linear(numbers[2, :, :12], None)) for kind in (OutputStack, CompiledStack)
    )
    for rows in (1, 3):
        inputs = random.random((rows, 33, 5), np.float32)
        for name in ("feed", "read"):
            same(*(getattr(each, name)(inputs, each.initial_state(rows)) for each in (compiled, plain)))


@pytest.mark.usefixtures("compiled")
def test_what_does_not_fit_is_refused():
    _, compiled = stacks(GRULayer, 20)
    for tokens in ([[3, V]], [[3, -V - 1]]):
        for targets in (tokens, [[0, 0]]):
            with pytest.raises(IndexError, match="a token is out of bounds: there are 33"):
                compiled.surprisals(np.array(tokens), np.array(targets), compiled.initial_state())
    with pytest.raises(IndexError):
        compiled.surprisals(np.array([[0, 0]]), np.array(tokens), compiled.initial_state())
    with pytest.raises(ValueError, match="the state is not"):
        compiled.feed(np.array([[1], [2]]), compiled.initial_state())
    with pytest.raises(ValueError, match="the targets are"):
        compiled.surprisals(np.array([[0, 0]]), np.array([[1]]), compiled.initial_state())


@pytest.mark.usefixtures("compiled")
def test_surprisals_of_impossible_and_of_certain_targets():
    _, compiled = stacks(GRULayer, 20)
    compiled._linear._first[:] = [0] * 16 + [-np.inf] * 16 + [200]
    nats = compiled.surprisals(np.array([[1, 1]]), np.array([[V - 1, 20]]), compiled.initial_state())[0]
    assert nats[0, 0] == 0
    assert nats[0, 1] == np.inf
