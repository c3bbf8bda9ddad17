"""Products and linear layers give the same values however many rows are multiplied, and in whatever blocks."""

import numpy as np
import pytest

from seqshell.layers import Linear, read_linear
from seqshell.layers import matmul as module
from seqshell.layers.matmul import matmul

INPUTS, OUTPUTS = 17, 23
RANDOM = np.random.default_rng(0)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, atol=3e-6)


@pytest.mark.parametrize("num_rows", [1, 2, 5, 6, 7, 40])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"HAS_SMALL_KERNELS": False, "CACHED_SIZE": 40},
        {"HAS_SMALL_KERNELS": True, "MAX_OUTPUTS": 30, "MAX_WORK": 250, "MIN_BLOCK_ROWS": 1},
    ],
)
def test_a_product_in_blocks_equals_the_whole_product(num_rows, order, limits, monkeypatch):
    for name, value in limits.items():
        monkeypatch.setattr(module, name, value)
    matrix = np.asarray(RANDOM.normal(size=(INPUTS, OUTPUTS)).astype(np.float32), order=order)
    rows = RANDOM.normal(size=(num_rows, INPUTS)).astype(np.float32)
    assert_close(matmul(rows, matrix), rows.astype(np.float64) @ matrix)
    assert_close(matmul(rows[0], matrix), rows[0].astype(np.float64) @ matrix)
    assert_close(matmul(rows[None], matrix), rows[None].astype(np.float64) @ matrix)


@pytest.mark.parametrize("has_small_kernels", [False, True])
def test_equal_rows_are_multiplied_once(has_small_kernels, monkeypatch):
    monkeypatch.setattr(module, "HAS_SMALL_KERNELS", has_small_kernels)
    multiplied = []
    monkeypatch.setattr(module, "_by_vectors", lambda rows, matrix: multiplied.append(len(rows)) or rows @ matrix)
    monkeypatch.setattr(module, "_by_small_products", module._by_vectors)
    matrix = RANDOM.normal(size=(INPUTS, OUTPUTS)).astype(np.float32)
    rows = RANDOM.normal(size=(3, INPUTS)).astype(np.float32)[[0, 1, 0, 2, 1]]
    assert_close(matmul(rows, matrix), rows @ matrix)
    assert multiplied == [3]


def test_a_linear_layer_multiplies_the_last_axis():
    weights = {
        "a.weight": RANDOM.normal(size=(OUTPUTS, INPUTS)).astype(np.float32),
        "a.bias": RANDOM.normal(size=OUTPUTS).astype(np.float32),
    }
    values = RANDOM.normal(size=(2, 5, INPUTS)).astype(np.float32)
    linear = read_linear(weights, "a.", INPUTS, OUTPUTS)
    expected = values @ weights["a.weight"].T + weights["a.bias"]
    assert_close(linear(values), expected)
    assert_close(linear(values[0]), expected[0])
    assert_close(linear(values[0, :1]), expected[0, :1])
    assert_close(linear(values[0, 0]), expected[0, 0])
    assert_close(Linear(weights["a.weight"])(values), values @ weights["a.weight"].T)
