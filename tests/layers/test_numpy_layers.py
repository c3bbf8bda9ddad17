"""The numpy layers against their equations, written out plainly in float64."""

import numpy as np
import pytest

from seqshell import CheckpointError
from seqshell.core.state import leaves
from seqshell.layers import LSTMState, Readout, RecurrentStack, packed, read_layers, take
from seqshell.layers import recurrent as module

F, H, V = 3, 4, 6
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "rnn_sigmoid": 1, "lstm": 4, "gru": 3}
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
    """One step of one layer, as the papers (and torch) have it. x, h, c: one row each."""
    weight_ih, weight_hh, bias_ih, bias_hh = (value.astype(np.float64) for value in given)
    if cell == "gru":
        xr, xz, xn = np.split(weight_ih @ x + bias_ih, 3)
        hr, hz, hn = np.split(weight_hh @ h + bias_hh, 3)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        return (1 - z) * np.tanh(xn + r * hn) + z * h, c
    gates = weight_ih @ x + bias_ih + weight_hh @ h + bias_hh
    if cell == "lstm":
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    return {"rnn_tanh": np.tanh, "rnn_relu": lambda value: np.maximum(value, 0), "rnn_sigmoid": sigmoid}[cell](gates), c


def expected(cell, values, num_layers=2):
    """values: [T, F] for one row. The last layer's hidden states [T, H], and hidden and cell states after the last step [L, H]."""
    given = list(weights(cell, values.shape[1], num_layers).values())
    hidden, cells, outputs = np.zeros((num_layers, H)), np.zeros((num_layers, H)), []
    for x in values:
        for layer in range(num_layers):
            hidden[layer], cells[layer] = equation(
                cell, given[4 * layer : 4 * layer + 4], x, hidden[layer], cells[layer]
            )
            x = hidden[layer].copy()
        outputs.append(x)
    return np.stack(outputs), hidden, cells


def near(seen, wanted):
    np.testing.assert_allclose(seen, wanted, atol=2e-6)


@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_stack_is_its_equations_fed_read_or_stepped(cell, batch):
    stack = RecurrentStack(layers(cell), EMBEDDING)
    ids = IDS[:batch]
    every, after_reading = stack.read(ids, stack.initial_state(batch))
    last, after_feeding = stack.feed(ids, stack.initial_state(batch))
    state = stack.initial_state(batch)
    for column in ids.T:
        hidden, state = stack.step(column, state)
    for row in range(batch):
        outputs, hidden_after, cell_after = expected(cell, EMBEDDING[ids[row]])
        near(every[row], outputs)
        near(last[row], outputs[-1])
        near(hidden[row], outputs[-1])
        for seen in (after_reading, after_feeding, state):
            for leaf, wanted in zip(leaves(seen), (hidden_after, cell_after), strict=False):
                near(leaf[row], wanted)


def test_states_have_the_batch_first_and_the_kind_of_their_cell():
    lstm = RecurrentStack(layers("lstm"), EMBEDDING).initial_state(5)
    assert isinstance(lstm, LSTMState)
    assert lstm.hidden.shape == lstm.cell.shape == (5, 2, H)
    assert RecurrentStack(layers("gru"), EMBEDDING).initial_state().shape == (1, 2, H)


@pytest.mark.parametrize("cell", GATES)
def test_one_hot_ids_pick_a_column_of_the_input_weights(cell):
    stack = RecurrentStack(layers(cell, input_size=V), one_hot=True)
    hidden, _ = stack.feed(IDS[:1], stack.initial_state())
    near(hidden[0], expected(cell, np.eye(V)[IDS[0]])[0][-1])


@pytest.mark.parametrize("cell", GATES)
def test_a_stack_without_vectors_takes_values(cell):
    stack = RecurrentStack(layers(cell))
    values = RANDOM.normal(size=(2, 7, F)).astype(np.float32)
    _, state = stack.read(values[:, :6], stack.initial_state(2))
    hidden, _ = stack.step(values[:, 6], state)
    alone, _ = stack.step(values[:1, 6], stack.read(values[:1, :6], stack.initial_state(1))[1])
    for row in range(2):
        near(hidden[row], expected(cell, values[row])[0][-1])
    near(alone, hidden[:1])


@pytest.mark.parametrize("cell", GATES)
def test_a_vocabulary_too_large_for_a_table_gives_the_same(cell, monkeypatch):
    table = RecurrentStack(layers(cell), EMBEDDING)
    monkeypatch.setattr(module, "TABLE_BYTES", 10)
    plain = RecurrentStack(layers(cell), EMBEDDING)
    for batch in (1, 3):
        state = table.feed(IDS[:batch], table.initial_state(batch))[1]
        near(
            plain.feed(IDS[:batch], plain.initial_state(batch))[0],
            table.feed(IDS[:batch], table.initial_state(batch))[0],
        )
        near(plain.step(IDS[:batch, 0], state)[0], table.step(IDS[:batch, 0], state)[0])


@pytest.mark.parametrize("cell", GATES)
def test_tokens_that_were_read_before_change_no_bit_of_a_step(cell):
    """A stack with table_rows keeps the products of the tokens that small steps have read."""
    fresh, used = (RecurrentStack(layers(cell), EMBEDDING, table_rows=64) for _ in range(2))
    table = RecurrentStack(layers(cell), EMBEDDING)
    state = table.feed(IDS, table.initial_state(3))[1]
    for time in range(20):
        used.step(IDS[:, time], state)
    for batch in (1, 3):
        start = table.feed(IDS[:batch], table.initial_state(batch))[1]
        again, now = used.step(IDS[:batch, 0], start)[0], fresh.step(IDS[:batch, 0], start)[0]
        assert again.tobytes() == now.tobytes()
        near(now, table.step(IDS[:batch, 0], start)[0])


def test_a_long_text_is_fed_in_chunks_that_do_not_show(monkeypatch):
    stack = RecurrentStack(layers("lstm"), EMBEDDING)
    whole = stack.feed(IDS, stack.initial_state(3))
    monkeypatch.setattr(module, "CHUNK", 6)
    chunked = stack.feed(IDS, stack.initial_state(3))
    near(chunked[0], whole[0])
    near(chunked[1].cell, whole[1].cell)


@pytest.mark.parametrize("cell", GATES)
def test_a_step_keeps_what_was_returned_before(cell):
    stack = RecurrentStack(layers(cell), EMBEDDING)
    hidden, state = stack.step(IDS[:1, 0], stack.initial_state())
    kept = hidden.copy(), [leaf.copy() for leaf in leaves(state)]
    stack.step(IDS[:1, 1], state)
    stack.feed(IDS[:1], state)
    assert np.array_equal(hidden, kept[0])
    assert all(np.array_equal(leaf, copy) for leaf, copy in zip(leaves(state), kept[1], strict=True))


@pytest.mark.parametrize("cell", GATES)
def test_states_are_as_small_as_they_look(cell):
    """A snapshot must not keep the chunk alive that it was made in."""
    stack = RecurrentStack(layers(cell), EMBEDDING)
    for _, state in (stack.step(IDS[:1, 0], stack.initial_state()), stack.feed(IDS[:1], stack.initial_state())):
        for leaf in leaves(state):
            assert leaf.base is None
            assert leaf.dtype == np.float32


def test_large_gates_do_not_overflow():
    stack = RecurrentStack(layers("lstm"))
    hidden, _ = stack.step(np.full((1, F), 1e30, np.float32), stack.initial_state())
    assert np.isfinite(hidden).all()


def test_a_readout_is_its_matrix_or_the_borrowed_one():
    hidden = RANDOM.normal(size=(3, H)).astype(np.float32)
    own = Readout(READOUT, H, V)
    near(own(hidden), hidden @ READOUT["readout.weight"].T + READOUT["readout.bias"])
    near(own(hidden[:1]), own(hidden)[:1])
    borrowed = np.full((V, H), 2, np.float32)
    near(Readout(READOUT, H, V, borrowed=borrowed)(hidden), hidden @ borrowed.T + READOUT["readout.bias"])


def test_packed_rows_start_on_a_cache_line():
    matrix = RANDOM.normal(size=(5, 16))
    assert packed(matrix).ctypes.data % 64 == 0
    assert np.array_equal(packed(matrix), matrix.astype(np.float32))


def test_weights_of_another_kind_come_as_float32():
    assert take({"a": np.ones(2, np.float16)}, "a", 2).dtype == np.float32


def test_missing_and_misshapen_weights_are_named():
    given = weights("gru")
    with pytest.raises(
        CheckpointError, match=r"the tensor recurrent\.0\.weight_ih_l0 is \[12, 3\] but the settings ask for \[12, 9\]"
    ):
        read_layers("gru", given, input_size=9, hidden_size=H, num_layers=2)
    with pytest.raises(CheckpointError, match=r"the checkpoint lacks the tensor recurrent\.2\.weight_ih_l0"):
        read_layers("gru", given, input_size=F, hidden_size=H, num_layers=3)
