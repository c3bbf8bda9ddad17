"""The numpy recurrent layers against their equations, written in float64."""

import numpy as np
import pytest

from seqshell import CheckpointError
from seqshell.core.state import leaves
from seqshell.layers import LSTMState, Readout, RecurrentStack, packed, read_layers, take
from seqshell.layers import recurrent as module

F, H, V = 3, 4, 6
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "rnn_sigmoid": 1, "rnn_none": 1, "lstm": 4, "gru": 3}
RANDOM = np.random.default_rng(0)
EMBEDDING = RANDOM.normal(size=(V, F)).astype(np.float32)
READOUT = {
    "readout.weight": RANDOM.normal(size=(V, H)).astype(np.float32),
    "readout.bias": RANDOM.normal(size=V).astype(np.float32),
}
IDS = RANDOM.integers(0, V, (3, 20))


def weights(cell, input_size=F, num_layers=2):
    random = np.random.default_rng(1)
    shapes = {}
    for layer in range(num_layers):
        rows = GATES[cell] * H
        shapes |= {
            f"recurrent.{layer}.weight_ih_l0": (rows, H if layer else input_size),
            f"recurrent.{layer}.weight_hh_l0": (rows, H),
            f"recurrent.{layer}.bias_ih_l0": (rows,),
            f"recurrent.{layer}.bias_hh_l0": (rows,),
        }
    return {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def layers(cell, input_size=F, num_layers=2):
    return read_layers(
        cell, weights(cell, input_size, num_layers), input_size=input_size, hidden_size=H, num_layers=num_layers
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def equation(cell, given, x, h, c):
    """One step of one layer, as in the papers and torch. x, h, c: one row each. Returns the new h and c, the gates."""
    weight_ih, weight_hh, bias_ih, bias_hh = (value.astype(np.float64) for value in given)
    if cell == "gru":
        xr, xz, xn = np.split(weight_ih @ x + bias_ih, 3)
        hr, hz, hn = np.split(weight_hh @ h + bias_hh, 3)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = np.tanh(xn + r * hn)
        return (1 - z) * n + z * h, c, {"reset": r, "update": z, "candidate": n}
    products = weight_ih @ x + bias_ih + weight_hh @ h + bias_hh
    if cell == "lstm":
        i, f, g, o = np.split(products, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        return o * np.tanh(c), c, {"input": i, "forget": f, "candidate": g, "output": o}
    functions = {"rnn_tanh": np.tanh, "rnn_relu": lambda value: np.maximum(value, 0), "rnn_sigmoid": sigmoid}
    return functions.get(cell, np.array)(products), c, {}


def expected(cell, values, num_layers=2):
    """values: [T, F], one row. Returns the last layer's hidden states [T, H] and the final states [L, H] of h and c."""
    given = list(weights(cell, values.shape[1], num_layers).values())
    hidden, cells, outputs = np.zeros((num_layers, H)), np.zeros((num_layers, H)), []
    for x in values:
        for layer in range(num_layers):
            hidden[layer], cells[layer], _ = equation(
                cell, given[4 * layer : 4 * layer + 4], x, hidden[layer], cells[layer]
            )
            x = hidden[layer].copy()
        outputs.append(x)
    return np.stack(outputs), hidden, cells


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize("batch", [1, 3])
def test_step_feed_and_read_match_the_equations(cell, batch):
    stack = RecurrentStack(layers(cell), EMBEDDING)
    ids = IDS[:batch]
    every, after_reading = stack.read(ids, stack.initial_state(batch))
    last, after_feeding = stack.feed(ids, stack.initial_state(batch))
    state = stack.initial_state(batch)
    for column in ids.T:
        hidden, state = stack.step(column, state)
    for row in range(batch):
        outputs, hidden_after, cell_after = expected(cell, EMBEDDING[ids[row]])
        assert_close(every[row], outputs)
        assert_close(last[row], outputs[-1])
        assert_close(hidden[row], outputs[-1])
        for final in (after_reading, after_feeding, state):
            for leaf, value in zip(leaves(final), (hidden_after, cell_after), strict=False):
                assert_close(leaf[row], value)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("cell", GATES)
def test_a_trace_has_the_state_and_the_gates_of_every_step(cell, batch):
    stack = RecurrentStack(layers(cell), EMBEDDING)
    ids, start = IDS[:batch], stack.initial_state(batch)
    outputs, state, states, named = stack.trace(ids, start)

    read, last = stack.read(ids, start)
    for found, right in zip((outputs, *leaves(state)), (read, *leaves(last)), strict=True):
        np.testing.assert_array_equal(found, right)
    assert (next(leaves(states)) is named["hidden"], ("cell" in named)) == (True, cell == "lstm")
    for row in range(batch):
        given, h, c = list(weights(cell).values()), np.zeros((2, H)), np.zeros((2, H))
        for time, token in enumerate(ids[row]):
            x = EMBEDDING[token]
            for layer in range(2):
                h[layer], c[layer], gates = equation(cell, given[4 * layer : 4 * layer + 4], x, h[layer], c[layer])
                x = h[layer].copy()
                right = {"hidden": h[layer], **({"cell": c[layer]} if cell == "lstm" else {}), **gates}
                assert set(named) == set(right)
                for name, value in right.items():
                    assert_close(named[name][row, time, layer], value)


def test_a_layer_of_a_plugin_without_gates_has_its_states_in_a_trace():
    class Plain:
        num_parts, hidden_size = 1, H
        input_weight, bias = np.eye(F, H, dtype=np.float32), np.zeros(H, np.float32)

        def advance(self, products, before, after):
            after[0][...] = before[0] + products

    outputs, _, states, named = RecurrentStack([Plain()], EMBEDDING).trace(IDS, np.zeros((3, 1, H), np.float32))
    assert list(named) == ["hidden"]
    assert_close(states[:, :, 0], outputs)
    assert_close(outputs[..., :F], EMBEDDING[IDS].cumsum(1))


def test_states_have_the_batch_first_and_the_type_of_their_cell():
    lstm = RecurrentStack(layers("lstm"), EMBEDDING).initial_state(5)
    assert isinstance(lstm, LSTMState)
    assert lstm.hidden.shape == lstm.cell.shape == (5, 2, H)
    assert RecurrentStack(layers("gru"), EMBEDDING).initial_state().shape == (1, 2, H)


@pytest.mark.parametrize("cell", GATES)
def test_one_hot_ids_select_a_column_of_the_input_weights(cell):
    stack = RecurrentStack(layers(cell, input_size=V), one_hot=True)
    hidden, _ = stack.feed(IDS[:1], stack.initial_state())
    assert_close(hidden[0], expected(cell, np.eye(V)[IDS[0]])[0][-1])


@pytest.mark.parametrize("cell", GATES)
def test_a_stack_without_an_embedding_takes_vectors(cell):
    stack = RecurrentStack(layers(cell))
    values = RANDOM.normal(size=(2, 7, F)).astype(np.float32)
    _, state = stack.read(values[:, :6], stack.initial_state(2))
    hidden, _ = stack.step(values[:, 6], state)
    single, _ = stack.step(values[:1, 6], stack.read(values[:1, :6], stack.initial_state(1))[1])
    for row in range(2):
        assert_close(hidden[row], expected(cell, values[row])[0][-1])
    assert_close(single, hidden[:1])


@pytest.mark.parametrize("cell", GATES)
def test_a_vocabulary_too_large_for_a_table_gives_the_same_values(cell, monkeypatch):
    table = RecurrentStack(layers(cell), EMBEDDING)
    monkeypatch.setattr(module, "TABLE_BYTES", 10)
    plain = RecurrentStack(layers(cell), EMBEDDING)
    for batch in (1, 3):
        state = table.feed(IDS[:batch], table.initial_state(batch))[1]
        assert_close(
            plain.feed(IDS[:batch], plain.initial_state(batch))[0],
            table.feed(IDS[:batch], table.initial_state(batch))[0],
        )
        assert_close(plain.step(IDS[:batch, 0], state)[0], table.step(IDS[:batch, 0], state)[0])


@pytest.mark.parametrize("cell", GATES)
def test_tokens_read_before_change_no_bit_of_a_step(cell):
    """Without a table, a stack remembers the input products of the tokens it has read."""
    fresh, used = (RecurrentStack(layers(cell), EMBEDDING, table_rows=64) for _ in range(2))
    table = RecurrentStack(layers(cell), EMBEDDING)
    state = table.feed(IDS, table.initial_state(3))[1]
    for time in range(20):
        used.step(IDS[:, time], state)
    for batch in (1, 3):
        start = table.feed(IDS[:batch], table.initial_state(batch))[1]
        again, now = used.step(IDS[:batch, 0], start)[0], fresh.step(IDS[:batch, 0], start)[0]
        assert again.tobytes() == now.tobytes()
        assert_close(now, table.step(IDS[:batch, 0], start)[0])


def test_feeding_a_long_text_in_chunks_gives_the_same_values(monkeypatch):
    stack = RecurrentStack(layers("lstm"), EMBEDDING)
    whole = stack.feed(IDS, stack.initial_state(3))
    monkeypatch.setattr(module, "CHUNK", 6)
    chunked = stack.feed(IDS, stack.initial_state(3))
    assert_close(chunked[0], whole[0])
    assert_close(chunked[1].cell, whole[1].cell)


@pytest.mark.parametrize("cell", GATES)
def test_a_step_does_not_change_what_an_earlier_one_returned(cell):
    stack = RecurrentStack(layers(cell), EMBEDDING)
    hidden, state = stack.step(IDS[:1, 0], stack.initial_state())
    kept = hidden.copy(), [leaf.copy() for leaf in leaves(state)]
    stack.step(IDS[:1, 1], state)
    stack.feed(IDS[:1], state)
    assert np.array_equal(hidden, kept[0])
    assert all(np.array_equal(leaf, copy) for leaf, copy in zip(leaves(state), kept[1], strict=True))


@pytest.mark.parametrize("cell", GATES)
def test_states_own_their_memory(cell):
    """Otherwise a snapshot would keep the whole chunk in memory that its state was computed in."""
    stack = RecurrentStack(layers(cell), EMBEDDING)
    for _, state in (stack.step(IDS[:1, 0], stack.initial_state()), stack.feed(IDS[:1], stack.initial_state())):
        for leaf in leaves(state):
            assert leaf.base is None
            assert leaf.dtype == np.float32


def test_large_gates_do_not_overflow():
    stack = RecurrentStack(layers("lstm"))
    hidden, _ = stack.step(np.full((1, F), 1e30, np.float32), stack.initial_state())
    assert np.isfinite(hidden).all()


def test_a_readout_uses_its_own_matrix_or_the_embedding():
    hidden = RANDOM.normal(size=(3, H)).astype(np.float32)
    own = Readout(READOUT, H, V)
    assert_close(own(hidden), hidden @ READOUT["readout.weight"].T + READOUT["readout.bias"])
    assert_close(own(hidden[:1]), own(hidden)[:1])
    embedding = np.full((V, H), 2, np.float32)
    assert_close(Readout(READOUT, H, V, embedding=embedding)(hidden), hidden @ embedding.T + READOUT["readout.bias"])


def test_a_packed_matrix_starts_on_a_cache_line():
    matrix = RANDOM.normal(size=(5, 16))
    assert packed(matrix).ctypes.data % 64 == 0
    assert np.array_equal(packed(matrix), matrix.astype(np.float32))


def test_weights_of_another_type_are_converted_to_float32():
    assert take({"a": np.ones(2, np.float16)}, "a", 2).dtype == np.float32


def test_missing_weights_and_weights_of_another_shape_are_named():
    given = weights("gru")
    with pytest.raises(
        CheckpointError, match=r"the tensor recurrent\.0\.weight_ih_l0 is \[12, 3\]; the config requires \[12, 9\]"
    ):
        read_layers("gru", given, input_size=9, hidden_size=H, num_layers=2)
    with pytest.raises(CheckpointError, match=r"the checkpoint lacks the tensor recurrent\.2\.weight_ih_l0"):
        read_layers("gru", given, input_size=F, hidden_size=H, num_layers=3)


@pytest.mark.parametrize("cell", ["rnn_tanh", "lstm", "gru"])
@pytest.mark.parametrize("table_rows", [0, 2, 100])
def test_extra_inputs_are_concatenated_to_the_embeddings(cell, table_rows):
    """Also if the input products of the tokens come from a table."""
    num_extra, extra_weights = 3, weights(cell, F + 3, 1)
    stacked = read_layers(cell, extra_weights, input_size=F + num_extra, hidden_size=H, num_layers=1)
    plain, stack = RecurrentStack(stacked), RecurrentStack(stacked, EMBEDDING, table_rows=table_rows)
    for batch in (1, 3):
        ids, extra = IDS[:batch], RANDOM.normal(size=(batch, num_extra)).astype(np.float32)
        repeated = np.broadcast_to(extra[:, None], (*ids.shape, num_extra))
        joined = np.concatenate((EMBEDDING[ids], repeated), -1)
        outputs = plain.read(joined, plain.initial_state(batch))[0]
        assert_close(stack.read(ids, stack.initial_state(batch), extra)[0], outputs)
        assert_close(stack.feed(ids, stack.initial_state(batch), extra)[0], outputs[:, -1])
        state = stack.initial_state(batch)
        for column, output in zip(ids.T, outputs.swapaxes(0, 1), strict=True):
            hidden, state = stack.step(column, state, extra)
            assert_close(hidden, output)


def test_building_the_table_does_not_change_what_a_single_row_gives():
    """Equal calls give bitwise equal results, whatever was computed in between."""
    stack = RecurrentStack(layers("lstm"), EMBEDDING, table_rows=4)
    before = stack.feed(IDS[:1], stack.initial_state())
    stack.step(np.arange(5), stack.initial_state(5))
    after = stack.feed(IDS[:1], stack.initial_state())
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1].cell, after[1].cell)
