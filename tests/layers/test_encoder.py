"""The numpy encoder against torch's networks run row by row, and attention against its equations."""

import numpy as np
import pytest
import torch

from seqshell import CheckpointError
from seqshell.layers import read_attention, read_encoder

V, E, H, M, K = 9, 5, 4, 6, 3
LENGTHS = np.array([3, 7, 1, 7, 4])
RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(V, E)).astype(np.float32)
SOURCE = RANDOM.integers(0, V, (5, 9))
TORCH = {"rnn_tanh": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, atol=3e-6)


def network(cell, bidirectional, num_layers):
    """Stacked one-layer networks of torch, and their weights as a checkpoint names them."""
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
def test_an_encoder_equals_torchs_network_run_row_by_row_without_padding(cell, bidirectional, num_layers):
    layers, _ = network(cell, bidirectional, num_layers)
    actual = encoder(cell, bidirectional, num_layers)(SOURCE, LENGTHS)
    assert actual.outputs.dtype == actual.hidden.dtype == np.float32
    assert (actual.cell is None) == (cell != "lstm")
    for row, length in enumerate(LENGTHS):
        values = torch.from_numpy(VECTORS[SOURCE[row : row + 1, :length]])
        for depth, layer in enumerate(layers):
            with torch.no_grad():
                values, last = layer(values)
            parts = last if cell == "lstm" else (last,)
            for part, found in zip(parts, (actual.hidden, actual.cell), strict=False):
                assert_close(found[row, depth], part[:, 0].reshape(-1))
        assert_close(actual.outputs[row, :length], values[0])
        assert not actual.outputs[row, length:].any()


@pytest.mark.parametrize("cell", TORCH)
def test_encoder_outputs_depend_neither_on_other_rows_nor_on_padding(cell):
    encode = encoder(cell)
    whole = encode(SOURCE, LENGTHS)
    other = np.where(np.arange(9) < LENGTHS[:, None], SOURCE, (SOURCE + 1) % V)
    for actual, expected in zip(encode(other, LENGTHS), whole, strict=True):
        assert np.array_equal(actual, expected)
    for row, length in enumerate(LENGTHS):
        single = encode(SOURCE[row : row + 1, :length], LENGTHS[row : row + 1])
        assert_close(single.outputs[0], whole.outputs[row, :length])
        assert_close(single.hidden[0], whole.hidden[row])


def test_an_encoder_without_an_embedding_takes_vectors():
    actual = encoder("gru", vectors=None)(VECTORS[SOURCE], LENGTHS)
    assert_close(actual.outputs, encoder("gru")(SOURCE, LENGTHS).outputs)


def test_a_missing_encoder_weight_is_named():
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
    """The score of one source token, as in the papers."""
    w = {name.removeprefix("attention."): value.astype(np.float64) for name, value in weights.items()}
    if kind == "dot":
        return h @ m / np.sqrt(H)
    if kind == "general":
        return h @ w["keys_of.weight"] @ m / np.sqrt(H)
    if kind == "additive":
        return w["vector.weight"][0] @ np.tanh(w["query_of.weight"] @ h + w["keys_of.weight"] @ m + w["keys_of.bias"])
    return w["vector.weight"][0] @ np.tanh(w["joint.weight"] @ np.concatenate((h, m)))


@pytest.mark.parametrize("kind", ["dot", "general", "additive", "concat"])
def test_attention_matches_its_equation(kind):
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
        assert_close(shares[row, :length], expected)
        assert not shares[row, length:].any()
        assert_close(contexts[row], expected @ encoded[row, :length])
        single = attention(query[row], keys[row], encoded[row], mask[row])
        assert_close(single[0], contexts[row])
        assert_close(single[1], shares[row])


def test_large_scores_do_not_overflow():
    encoded = np.array([[[1e20], [-1e20], [1e20]]], np.float32)
    attention = read_attention("dot", {}, hidden_size=1, encoded_size=1, attention_size=0)
    _, weights = attention(np.full((1, 1), 1e15, np.float32), encoded, encoded, np.array([[True, True, False]]))
    assert weights.tolist() == [[1, 0, 0]]
