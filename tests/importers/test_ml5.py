"""Models of ml5.js charRNN: a manifest, a file for each variable, and the characters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.importers.conftest import logits

from seqshell import Session

CHARACTERS = ["x", "y", "\n", " ", "é"]
V, E, H = 5, 3, 4
TOKENS = (0, 3, 4, 4, 1, 2)
CELL = "rnnlm/multi_rnn_cell/cell_{}/basic_lstm_cell/{}"


def variables(*, embedded: bool = True) -> dict[str, Any]:
    draws = np.random.default_rng(4)
    shapes = {
        **({"embedding": (V, E)} if embedded else {}),
        CELL.format(0, "kernel"): ((E if embedded else V) + H, 4 * H),
        CELL.format(0, "bias"): (4 * H,),
        CELL.format(1, "kernel"): (2 * H, 4 * H),
        CELL.format(1, "bias"): (4 * H,),
        "rnnlm/softmax_w": (H, V),
        "rnnlm/softmax_b": (V,),
    }
    return {name: draws.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def save(arrays: dict[str, Any]) -> None:
    manifest = {}
    for name, array in arrays.items():
        filename = name.replace("/", "_")
        manifest[name] = {"filename": filename, "shape": list(array.shape)}
        Path(filename).write_bytes(array.tobytes())
    Path("Variable").write_bytes(np.float32(0.002).tobytes())  # the learning rate
    manifest["Variable"] = {"filename": "Variable", "shape": []}
    Path("manifest.json").write_text(json.dumps(manifest))
    Path("vocab.json").write_text(json.dumps({character: number for number, character in enumerate(CHARACTERS)}))


def original(arrays: dict[str, Any]) -> Any:
    """tf.basicLSTMCell with a forget bias of 1, in two layers, and the softmax's linear layer."""

    def sigmoid(values: Any) -> Any:
        return 1 / (1 + np.exp(-values))

    state, found = [(np.zeros(H), np.zeros(H)) for _ in range(2)], []
    for token in TOKENS:
        data = arrays["embedding"][token] if "embedding" in arrays else np.eye(V)[token]
        for layer in range(2):
            c, h = state[layer]
            gates = (
                np.concatenate((data, h)) @ arrays[CELL.format(layer, "kernel")] + arrays[CELL.format(layer, "bias")]
            )
            i, j, f, o = np.split(gates, 4)
            c = c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
            data = np.tanh(c) * sigmoid(o)
            state[layer] = c, data
        found.append(data @ arrays["rnnlm/softmax_w"] + arrays["rnnlm/softmax_b"])
    return np.array(found)


@pytest.mark.parametrize("embedded", [True, False], ids=["embedding", "one-hot"])
def test_logits_and_characters_are_those_of_the_original(imported: Callable[..., Session], embedded: bool) -> None:
    arrays = variables(embedded=embedded)
    save(arrays)
    session = imported("manifest.json")
    np.testing.assert_allclose(logits(session, TOKENS), original(arrays), atol=1e-5)
    assert session.model.tokenizer.encode("xy\n é") == [0, 1, 2, 3, 4]


def test_models_that_do_not_fit_are_refused_in_one_line(refused: Callable[..., str], folder: Path) -> None:
    arrays = variables()
    save(arrays | {CELL.format(1, "kernel"): np.zeros((3, 4 * H), np.float32)})
    assert "manifest.json: cell 1 has a kernel [3, 16] and a bias [16], not [8, 16] and [16]" in refused(
        "manifest.json"
    )
    save({name: array for name, array in arrays.items() if "softmax_w" not in name})
    assert "manifest.json: cell 0 has a kernel [7, 16]" in refused("manifest.json")
    save({"embedding": arrays["embedding"]})
    assert "embedding [5, 3] are not a charRNN; the nearest architecture is lstm" in refused("manifest.json")
    save(arrays)
    Path("embedding").write_bytes(b"1234")
    assert "embedding has 4 bytes, which are no float32 [5, 3]" in refused("manifest.json")
    Path("embedding").unlink()
    assert "cannot read embedding: No such file" in refused("manifest.json")
    Path("manifest.json").write_text('{"a": {"filename": "../../etc/passwd", "shape": [1]}}')
    assert "a needs the name of a file beside it" in refused("manifest.json")
    Path("manifest.json").write_text('{"a": 1}')
    assert "manifest.json is a text, not a model" in refused("manifest.json")
    save(arrays)
    Path("vocab.json").unlink()
    assert "the file does not name its 5 tokens" in refused("manifest.json")
