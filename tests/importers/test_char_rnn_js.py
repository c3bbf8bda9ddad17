"""Models of char-rnn.js: a .json with the bytes and the places of arrays, and a .dat with their numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.importers.conftest import logits

from seqshell import Session

BYTES = sorted("ab é\n".encode())
V, H = len(BYTES), 3
TOKENS = (0, 4, 5, 1, 2)


def arrays(num_layers: int = 2) -> list[Any]:
    draws = np.random.default_rng(8)
    shapes = [(V, H), (V,)]
    for layer in reversed(range(num_layers)):
        shapes = [(4 * H, H if layer else V), (4 * H,), (4 * H, H), (4 * H,), *shapes]
    return [draws.normal(size=shape).astype(np.float32) for shape in shapes]


def save(values: list[Any], **changes: Any) -> None:
    entries, data = [], b""
    for array in values:
        entries.append({"dim": list(array.shape), "length": array.size, "offset": len(data)})
        data += array.tobytes()
    vocab = [BYTES.index(byte) if byte in BYTES else None for byte in range(BYTES[-1] + 1)]
    Path("small.json").write_text(json.dumps({"vocab": vocab, "next": len(data), "arrays": entries} | changes))
    Path("small.dat").write_bytes(data + bytes(100))


def original(values: list[Any]) -> Any:
    """The steps of lib/lstm.js: gates in the order in, forget, out, transform."""

    def sigmoid(numbers: Any) -> Any:
        return 1 / (1 + np.exp(-numbers))

    layers = (len(values) - 2) // 4
    state, found = [(np.zeros(H), np.zeros(H)) for _ in range(layers)], []
    for token in TOKENS:
        x = np.eye(V)[token]
        for layer in range(layers):
            c, h = state[layer]
            i2h, i2h_bias, h2h, h2h_bias = values[4 * layer : 4 * layer + 4]
            i, f, o, g = np.split(i2h @ x + i2h_bias + h2h @ h + h2h_bias, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            x = sigmoid(o) * np.tanh(c)
            state[layer] = c, x
        found.append(values[-2] @ x + values[-1])
    return np.array(found)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_logits_and_bytes_are_those_of_the_original(imported: Callable[..., Session], num_layers: int) -> None:
    values = arrays(num_layers)
    save(values)
    session = imported("small.json")
    np.testing.assert_allclose(logits(session, TOKENS), original(values), atol=1e-5)
    tokenizer = session.model.tokenizer
    assert tokenizer.encode("aé\n") == [BYTES.index(byte) for byte in "aé\n".encode()]
    assert b"".join(map(tokenizer.piece, tokenizer.encode("bé"))).decode() == "bé"


def test_models_that_do_not_fit_are_refused_in_one_line(refused: Callable[..., str], folder: Path) -> None:
    values = arrays()
    save([*values[:4], np.zeros((4 * H, V), np.float32), *values[5:]])
    assert "the weight_ih of layer 1 is [12, 6], not [12, 3], as the nearest architecture, lstm" in refused(
        "small.json"
    )
    save(values, vocab=[0, 1, None])
    assert "its vocab does not have the ids 0 to 5, each once" in refused("small.json")
    save(values, arrays=[{"dim": [12, 6], "offset": 0}, {"dim": [12], "offset": -4}])
    assert "array 1 needs a dim and an offset in small.dat" in refused("small.json")
    save(values, arrays=[{"dim": [12, 6], "offset": 0}, {"dim": [600, 900], "offset": 0}])
    assert "which has 1,108 bytes, not [600, 900] at 0" in refused("small.json")
    save(values)
    Path("small.dat").write_bytes(b"")
    assert "small.json: array 0 needs a dim and an offset" in refused("small.json")
    Path("small.dat").unlink()
    assert "cannot read small.dat: No such file" in refused("small.json")
    save(values, arrays=[])
    assert "small.json is a text, not a model" in refused("small.json")
