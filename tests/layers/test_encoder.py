"""The numpy layers over a source, encoder and attention, against their equations and against torch's networks run row by row."""

import numpy as np
import pytest
import torch

from seqshell import CheckpointError
from seqshell.layers import Linear, RecurrentStack, products, read_attention, read_encoder, read_layers, read_linear
from seqshell.layers.products import product

V, E, H, M, K = 9, 5, 4, 6, 3
LENGTHS = np.array([3, 7, 1, 7, 4])
RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(V, E)).astype(np.float32)
SOURCE = RANDOM.integers(0, V, (5, 9))
TORCH = {"rnn_tanh": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def near(seen, wanted):
    np.testing.assert_allclose(seen, wanted, atol=3e-6)


def network(cell, bidirectional, num_layers):
    """One-layer networks of torch on top of each other, and their weights as a checkpoint names them."""
    torch.manual_seed(0)
    width = H * (1 + bidirectional)
    layers = [
        TORCH[cell](size, H, bidirectional=bidirectional, batch_first=True) for size in [E] + [width] * (num_layers - 1)
    ]
    weights = {
        f"encoder.{index}.{name}": value.detach().numpy()
        for index, layer in enumerate(layers)
        for name, value in layer.named_parameters()
    }
    return layers, weights


def encoder(cell, bidirectional=True, num_layers=2, vectors=VECTORS):
    sizes = {"input_size": E, "hidden_size": H, "num_layers": num_layers}
    return read_encoder(
        cell, network(cell, bidirectional, num_layers)[1], **sizes, bidirectional=bidirectional, vectors=vectors
    )


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_an_encoder_is_torchs_network_run_row_by_row_without_padding(cell, bidirectional, num_layers):
    layers, _ = network(cell, bidirectional, num_layers)
    seen = encoder(cell, bidirectional, num_layers)(SOURCE, LENGTHS)
    assert seen.outputs.dtype == seen.hidden.dtype == np.float32
    assert (seen.cell is None) == (cell != "lstm")
    for row, length in enumerate(LENGTHS):
        values = torch.from_numpy(VECTORS[SOURCE[row : row + 1, :length]])
        for depth, layer in enumerate(layers):
            with torch.no_grad():
                values, last = layer(values)
            parts = last if cell == "lstm" else (last,)
            for part, found in zip(parts, (seen.hidden, seen.cell), strict=False):
                near(found[row, depth], part[:, 0].reshape(-1))
        near(seen.outputs[row, :length], values[0])
        assert not seen.outputs[row, length:].any()


@pytest.mark.parametrize("cell", TORCH)
def test_what_an_encoder_gives_depends_neither_on_the_other_rows_nor_on_padding(cell):
    encode = encoder(cell)
    whole = encode(SOURCE, LENGTHS)
    other = np.where(np.arange(9) < LENGTHS[:, None], SOURCE, (SOURCE + 1) % V)
    for seen, wanted in zip(encode(other, LENGTHS), whole, strict=True):
        assert np.array_equal(seen, wanted)
    for row, length in enumerate(LENGTHS):
        alone = encode(SOURCE[row : row + 1, :length], LENGTHS[row : row + 1])
        near(alone.outputs[0], whole.outputs[row, :length])
        near(alone.hidden[0], whole.hidden[row])


def test_an_encoder_without_vectors_takes_values():
    seen = encoder("gru", vectors=None)(VECTORS[SOURCE], LENGTHS)
    near(seen.outputs, encoder("gru")(SOURCE, LENGTHS).outputs)


def test_weights_of_an_encoder_that_do_not_fit_are_named():
    weights = network("gru", True, 1)[1]
    del weights["encoder.0.bias_hh_l0_reverse"]
    with pytest.raises(CheckpointError, match=r"the checkpoint lacks the tensor encoder\.0\.bias_hh_l0_reverse"):
        read_encoder("gru", weights, input_size=E, hidden_size=H, num_layers=1, bidirectional=True)


ATTENTION = {
    "keys_of": {"general": (H, M), "additive": (K, M)},
    "query_of": {"additive": (K, H)},
    "joint": {"concat": (K, H + M)},
    "vector": {"additive": (1, K), "concat": (1, K)},
}


def attention_weights(kind):
    weights = {
        f"attention.{name}.weight": RANDOM.normal(size=shapes[kind])
        for name, shapes in ATTENTION.items()
        if kind in shapes
    }
    if kind == "additive":
        weights["attention.keys_of.bias"] = RANDOM.normal(size=K)
    return {name: value.astype(np.float32) for name, value in weights.items()}


def score(kind, weights, h, m):
    """Of one token of the source, as the papers write it."""
    given = {name.removeprefix("attention."): value.astype(np.float64) for name, value in weights.items()}
    if kind == "dot":
        return h @ m / np.sqrt(H)
    if kind == "general":
        return h @ given["keys_of.weight"] @ m / np.sqrt(H)
    if kind == "additive":
        return given["vector.weight"][0] @ np.tanh(
            given["query_of.weight"] @ h + given["keys_of.weight"] @ m + given["keys_of.bias"]
        )
    return given["vector.weight"][0] @ np.tanh(given["joint.weight"] @ np.concatenate((h, m)))


@pytest.mark.parametrize("kind", ["dot", "general", "additive", "concat"])
def test_attention_is_its_equation(kind):
    weights = attention_weights(kind)
    size = H if kind == "dot" else M
    encoded = RANDOM.normal(size=(5, 9, size)).astype(np.float32)
    query = RANDOM.normal(size=(5, H)).astype(np.float32)
    mask = np.arange(9) < LENGTHS[:, None]
    attention = read_attention(kind, weights, hidden_size=H, encoded_size=size, attention_size=K)
    keys = attention.keys(encoded)
    assert (keys is encoded) == (kind == "dot")
    contexts, shares = attention(query, keys, encoded, mask)
    assert contexts.dtype == shares.dtype == np.float32
    for row, length in enumerate(LENGTHS):
        scores = np.array([score(kind, weights, query[row], m) for m in encoded[row, :length].astype(np.float64)])
        expected = np.exp(scores) / np.exp(scores).sum()
        near(shares[row, :length], expected)
        assert not shares[row, length:].any()
        near(contexts[row], expected @ encoded[row, :length])
        alone = attention(query[row], keys[row], encoded[row], mask[row])
        near(alone[0], contexts[row])
        near(alone[1], shares[row])


def test_large_scores_do_not_overflow():
    encoded = np.array([[[1e20], [-1e20], [1e20]]], np.float32)
    attention = read_attention("dot", {}, hidden_size=1, encoded_size=1, attention_size=0)
    _, weights = attention(np.full((1, 1), 1e15, np.float32), encoded, encoded, np.array([[True, True, False]]))
    assert weights.tolist() == [[1, 0, 0]]


def test_a_linear_layer_is_its_matrix_over_any_axes():
    weights = {
        "a.weight": RANDOM.normal(size=(K, H)).astype(np.float32),
        "a.bias": RANDOM.normal(size=K).astype(np.float32),
    }
    values = RANDOM.normal(size=(2, 5, H)).astype(np.float32)
    linear = read_linear(weights, "a.", H, K)
    expected = values @ weights["a.weight"].T + weights["a.bias"]
    for seen, wanted in (
        (values, expected),
        (values[0], expected[0]),
        (values[0, :1], expected[0, :1]),
        (values[0, 0], expected[0, 0]),
    ):
        near(linear(seen), wanted)
    near(Linear(weights["a.weight"])(values), values @ weights["a.weight"].T)


@pytest.mark.parametrize("num_rows", [1, 2, 5, 6, 7, 40])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "limits",
    [{}, {"SMALL": False, "BLOCK": 40}, {"SMALL": True, "MOST_OUTPUTS": 30, "MOST_WORK": 250, "LEAST_PART": 1}],
)
def test_a_product_is_the_same_for_few_rows_and_many_in_parts_or_not(num_rows, order, limits, monkeypatch):
    for name, value in limits.items():
        monkeypatch.setattr(products, name, value)
    matrix = np.asarray(RANDOM.normal(size=(17, 23)).astype(np.float32), order=order)
    rows = RANDOM.normal(size=(num_rows, 17)).astype(np.float32)
    near(product(rows, matrix), rows.astype(np.float64) @ matrix)
    near(product(rows[0], matrix), rows[0].astype(np.float64) @ matrix)
    near(product(rows[None], matrix), rows[None].astype(np.float64) @ matrix)


@pytest.mark.parametrize("small", [False, True])
def test_equal_rows_are_multiplied_once(small, monkeypatch):
    monkeypatch.setattr(products, "SMALL", small)
    multiplied = []
    monkeypatch.setattr(products, "_by_vectors", lambda rows, matrix: multiplied.append(len(rows)) or rows @ matrix)
    monkeypatch.setattr(products, "_by_small_products", products._by_vectors)
    matrix = RANDOM.normal(size=(17, 23)).astype(np.float32)
    rows = RANDOM.normal(size=(3, 17)).astype(np.float32)[[0, 1, 0, 2, 1]]
    near(product(rows, matrix), rows @ matrix)
    assert multiplied == [3]


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("table_rows", [0, 2, 100])
def test_a_stack_reads_values_beside_the_tokens_as_one_vector(cell, table_rows):
    """Whether or not the products of the tokens come from a table."""
    gates = {"rnn_tanh": 1, "lstm": 4, "gru": 3}[cell] * H
    shapes = {
        "weight_ih_l0": (gates, E + K),
        "weight_hh_l0": (gates, H),
        "bias_ih_l0": (gates,),
        "bias_hh_l0": (gates,),
    }
    weights = {f"recurrent.0.{name}": RANDOM.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    layers = read_layers(cell, weights, input_size=E + K, hidden_size=H, num_layers=1)
    plain, stack = RecurrentStack(layers), RecurrentStack(layers, VECTORS, table_rows=table_rows)
    for batch in (1, 3):
        ids, beside = SOURCE[:batch], RANDOM.normal(size=(batch, K)).astype(np.float32)
        joined = np.concatenate((VECTORS[ids], np.broadcast_to(beside[:, None], (batch, 9, K))), -1)
        expected = plain.read(joined, plain.initial_state(batch))[0]
        near(stack.read(ids, stack.initial_state(batch), beside)[0], expected)
        near(stack.feed(ids, stack.initial_state(batch), beside)[0], expected[:, -1])
        state = stack.initial_state(batch)
        for column, wanted in zip(ids.T, expected.swapaxes(0, 1), strict=True):
            hidden, state = stack.step(column, state, beside)
            near(hidden, wanted)


def test_a_table_for_many_rows_does_not_change_what_one_row_gives():
    """The same call is the same arithmetic, whatever was computed in between."""
    weights = {name.replace("encoder", "recurrent"): value for name, value in network("lstm", False, 2)[1].items()}
    stack = RecurrentStack(
        read_layers("lstm", weights, input_size=E, hidden_size=H, num_layers=2), VECTORS, table_rows=4
    )
    before = stack.feed(SOURCE[:1], stack.initial_state())
    stack.step(SOURCE[:, 0], stack.initial_state(5))
    after = stack.feed(SOURCE[:1], stack.initial_state())
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1].cell, after[1].cell)
