"""Compiled steps against those of numpy, whose equations test_recurrent checks."""

import numpy as np
import pytest
from tests.layers.stacks import CELLS, V, same, stacks

from seqshell.layers import (
    OutputStack,
    RecurrentStack,
    TanhLayer,
)
from seqshell.layers.cells import GRULayer, LSTMLayer

IDS = np.random.default_rng(0).integers(0, V, (1, 12))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("size", [1, 15, 16, 65, 100])
@pytest.mark.parametrize("cell", CELLS)
def test_steps_and_feeds_equal_those_of_numpy_for_every_layer_and_size(cell, size):
    plain, compiled = stacks(cell, size, one_hot=size == 16)
    assert compiled.backend == "compiled"
    expected, state = plain.initial_state(), compiled.initial_state()
    for column in IDS.T:
        right, expected = plain.step(column, expected)
        logits, state = compiled.step(column, state)
        same((logits, state), (right, expected))
    assert compiled.last_outputs(state).tobytes() == logits.tobytes()
    same(compiled.feed(IDS, compiled.initial_state()), (right, expected))
    same(compiled.read(IDS, compiled.initial_state()), plain.read(IDS, plain.initial_state()))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(  # inputs of int8 may be integers of 15 bits
    ("precision", "step", "close"), [("bf16", 2**-8, 3e-6), ("int8", 1 / 254, 3e-4)]
)
@pytest.mark.parametrize("size", [1, 17, 65])
@pytest.mark.parametrize("cell", CELLS)
def test_kernels_read_weights_that_are_rounded_to_the_nearest_and_numpy_has_the_same(
    cell, size, precision, step, close
):
    _, exact = stacks(cell, size, depth=3, norm=size == 17)
    compiled = exact.in_precision(precision)
    for layer, right in zip(compiled.layers[1:], exact.layers[1:], strict=True):
        for found, weight in ((layer.input_weight, right.input_weight), (layer.hidden_weight, right.hidden_weight)):
            scale = np.abs(weight) if precision == "bf16" else np.abs(weight).max(axis=0)
            error = np.abs(found.astype(np.float64) - weight)
            assert (error <= step * scale * 1.0001).all()
            assert size == 1 or error.max() > 0
    rounded = OutputStack(compiled.stack, compiled.readout)
    state = expected = compiled.initial_state()
    for column in IDS.T:
        (logits, state), (right, expected) = compiled.step(column, state), rounded.step(column, expected)
        same((logits, state), (right, expected), close)
    same(compiled.feed(IDS, compiled.initial_state()), (right, expected), close)
    several = np.repeat(IDS[:, :3], 3, axis=0)
    for row in compiled.step(several[:, 0], compiled.initial_state(3))[0]:
        assert row.tobytes() == compiled.step(IDS[:, 0], compiled.initial_state())[0].tobytes()
    same((compiled.last_outputs(state), state), (logits, state), close)


@pytest.mark.usefixtures("compiled")
def test_precisions_without_a_kernel_are_refused():
    _, compiled = stacks(GRULayer, 4)
    assert compiled.in_precision("int8").in_precision("float32").step(IDS[:, 0], compiled.initial_state())[
        0
    ].tobytes() == (compiled.step(IDS[:, 0], compiled.initial_state())[0].tobytes())
    with pytest.raises(ValueError, match="no kernel reads these layers in int4"):
        compiled.in_precision("int4")
    compiled.readout.weight[1, 2] = np.nan
    for precision in ("bf16", "int8"):
        with pytest.raises(ValueError, match="weights that are not finite"):
            compiled.in_precision(precision)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(("norm", "residual"), [(True, False), (False, True), (True, True)])
def test_layer_normalisation_and_residual_connections_are_compiled_too(norm, residual):
    plain, compiled = stacks(LSTMLayer, 20, depth=3, norm=norm, residual=residual)
    expected, state = plain.initial_state(), compiled.initial_state()
    for column in IDS.T:
        found, right = compiled.step(column, state), plain.step(column, expected)
        same(found, right)
        state, expected = found[1], right[1]
    same(compiled.feed(IDS, compiled.initial_state()), right)
    assert (compiled.last_outputs(state) is None) == residual


@pytest.mark.usefixtures("compiled")
def test_states_of_any_layout_are_read_and_never_written_to():
    plain, compiled = stacks(LSTMLayer, 20)
    start = compiled.step(IDS[:, 0], compiled.initial_state())[1]
    strided = type(start)(*(np.repeat(leaf, 2, -1)[..., ::2].astype(np.float64) for leaf in start))
    for state in (start, strided, type(start)(*map(np.asfortranarray, start))):
        before = [leaf.copy() for leaf in state]
        same(compiled.step(IDS[:, 1], state), plain.step(IDS[:, 1], start))
        same(compiled.feed(IDS[:, 1:4], state), plain.feed(IDS[:, 1:4], start))
        assert all(np.array_equal(leaf, kept) for leaf, kept in zip(state, before, strict=True))
    with pytest.raises(ValueError, match=r"the state is not 2 x \(1, 2, 20\)"):
        compiled.step(IDS[:, 0], type(start)(*(leaf[..., :5] for leaf in start)))


@pytest.mark.usefixtures("compiled")
def test_unknown_tokens_are_refused():
    plain, compiled = stacks(GRULayer, 20)
    for token in (V, 10**9):
        with pytest.raises(IndexError, match="out of bounds"):
            compiled.step(np.array([token]), compiled.initial_state())
    same(compiled.step(np.array([-1]), compiled.initial_state()), plain.step(np.array([-1]), plain.initial_state()))


@pytest.mark.usefixtures("compiled")
def test_a_layer_of_another_class_is_left_to_numpy():
    class Doubled(TanhLayer):
        def _finish(self, gates, before, after):
            np.tanh(2 * gates, after[0])

    CELLS[Doubled] = 1
    plain, compiled = stacks(Doubled, 5)
    assert compiled.backend == "numpy"
    found, right = (stack.step(IDS[:, 0], stack.initial_state()) for stack in (compiled, plain))
    assert found[0].tobytes() == right[0].tobytes()
    del CELLS[Doubled]


@pytest.mark.usefixtures("compiled")
def test_tanh_is_within_four_units_in_the_last_place_and_never_beyond_one():
    from seqshell.layers import CompiledStack

    size, zeros = 16, np.zeros((16, 16), np.float32)
    layer = TanhLayer(zeros, zeros, zeros[0], zeros[0])
    stack = CompiledStack(RecurrentStack([layer]))
    values = np.concatenate(
        [np.linspace(-12, 12, 20_000), np.geomspace(1e-30, 1e30, 5_984), [0, -0.0, np.inf, -np.inf, np.nan] + [0] * 11]
    )
    products = values.astype(np.float32).reshape(-1, size)
    stack.stack.input_products = lambda products, *_: products
    found, right = stack.read(products[None], stack.initial_state())[0][0], np.tanh(products.astype(np.float64))
    assert np.nanmax(np.abs(found)) == 1
    assert np.isnan(found).sum() == 1
    units = np.abs(found - right) / np.spacing(np.abs(right).astype(np.float32))
    assert np.nanmax(units) < 4
