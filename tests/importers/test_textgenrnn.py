"""The weights of textgenrnn, whose layers are computed here in numpy as Keras computes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.importers.conftest import as_cudnn, logits

from seqshell import Session

V, E, H, LENGTH = 6, 3, 4, 5
VOCABULARY = {"a": 1, "b": 2, "c": 3, " ": 4, "<s>": 5}
TOKENS = (
    5,
    1,
    3,
    0,
    2,
    4,
    4,
    1,
    5,
    2,
    1,
)  # two texts, of which one is longer than the window; 0 is an unknown character
RANDOM = np.random.default_rng(4)


def numbers(*shape: int) -> Any:
    return RANDOM.normal(0, 0.7, shape).astype(np.float32)


def lstm(inputs: int) -> list[Any]:
    """kernel, recurrent_kernel and bias."""
    return [numbers(inputs, 4 * H), numbers(H, 4 * H), numbers(4 * H)]


def layers(*, both: bool = False) -> dict[str, Any]:
    """The weights of each layer by its name."""
    width = 2 * H if both else H
    size = E + 2 * width
    found = {"embedding": numbers(V, E), "attention": numbers(size, 1), "output": (numbers(size, V), numbers(V))}
    return found | {
        f"rnn_{number}": [lstm(inputs) for _ in range(2 if both else 1)] for number, inputs in ((1, E), (2, width))
    }


def save(path: Path, found: dict[str, Any], *, folder: str = "", cudnn: bool = False) -> Path:
    """As textgenrnn's save_weights does; folder: "model_weights/" for a whole model."""
    with h5py.File(path, "w") as root:
        root[f"{folder}embedding/embedding/embeddings:0"] = found["embedding"]
        root[f"{folder}attention/attention/attention_W:0"] = found["attention"]
        for name, array in zip(("kernel", "bias"), found["output"], strict=True):
            root[f"{folder}output/output/{name}:0"] = array
        for number in (1, 2):
            directions = found[f"rnn_{number}"]
            for direction, weights in zip(("forward_", "backward_"), directions, strict=False):
                inner = f"{direction}rnn/" if len(directions) > 1 else ""
                values = as_cudnn(weights) if cudnn else weights
                for name, array in zip(("kernel", "recurrent_kernel", "bias"), values, strict=True):
                    root[f"{folder}rnn_{number}/rnn_{number}/{inner}{name}:0"] = array
    return path


def original(found: dict[str, Any]) -> Any:
    """The logits after each token: pad_sequences, the layers of textgenrnn/model.py, AttentionWeightedAverage."""

    def sigmoid(values: Any) -> Any:
        return 1 / (1 + np.exp(-values))

    def run(weights: list[Any], inputs: Any) -> Any:
        h, c, outputs = np.zeros(H), np.zeros(H), []
        for x in inputs:
            i, f, g, o = np.split(x @ weights[0] + h @ weights[1] + weights[2], 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            outputs.append(h)
        return np.array(outputs)

    def step(window: list[int]) -> Any:
        parts = [found["embedding"][[0] * (LENGTH - len(window)) + window]]
        for number in (1, 2):
            ahead, *back = found[f"rnn_{number}"]
            outputs = [run(ahead, parts[-1]), *(run(each, parts[-1][::-1])[::-1] for each in back)]
            parts.append(np.concatenate(outputs, -1))
        x = np.concatenate(parts, -1)
        scores = np.exp((x @ found["attention"])[:, 0])
        return (x * (scores / scores.sum())[:, None]).sum(0) @ found["output"][0] + found["output"][1]

    texts = [[*TOKENS[: TOKENS.index(5, 1)]], [*TOKENS[TOKENS.index(5, 1) :]]]  # <s> begins a text
    return np.array([step(text[max(0, end - LENGTH) : end]) for text in texts for end in range(1, len(text) + 1)])


def beside(name: str) -> None:
    """The two files beside the weights."""
    Path(f"{name}_vocab.json").write_text(json.dumps(VOCABULARY))
    Path(f"{name}_config.json").write_text(json.dumps({"max_length": LENGTH, "rnn_layers": 2}))


@pytest.mark.parametrize("cudnn", [False, True], ids=["lstm", "cudnn"])
@pytest.mark.parametrize("both", [False, True], ids=["ahead", "both"])
def test_logits_and_characters_are_those_of_the_original(
    imported: Callable[..., Session], both: bool, cudnn: bool
) -> None:
    found = layers(both=both)
    save(Path("my_weights.hdf5"), found, cudnn=cudnn, folder="model_weights/" if both else "")
    beside("my")
    session = imported("my_weights.hdf5")
    np.testing.assert_allclose(logits(session, TOKENS), original(found), atol=1e-5)
    tokenizer = session.model.tokenizer
    assert (tokenizer.encode("\nab~ c"), tokenizer.unk) == ([5, 1, 2, 0, 4, 3], 0)
    assert [tokenizer.piece(token).decode() for token in (5, 1, 0)] == ["\n", "a", "\ufffd"]


def test_the_tokens_may_be_given_and_may_be_words(imported: Callable[..., Session]) -> None:
    save(Path("other.h5"), layers())
    Path("words.json").write_text(json.dumps({"the": 1, "cat": 2, "\n": 3, ",": 4, "<s>": 5}))
    tokenizer = imported("other.h5", "--vocab", "words.json").model.tokenizer
    assert (tokenizer.encode("The cat, dog"), tokenizer.eos, tokenizer.unit) == ([1, 2, 4, 0], 5, "words")


def test_models_that_do_not_fit_are_refused_in_one_line(refused: Callable[..., str]) -> None:
    found = layers()
    name = save(Path("my_weights.hdf5"), found).name
    assert "the file does not name its 6 tokens" in refused(name)
    beside("my")
    Path("my_config.json").write_text('{"max_length": 1e9}')
    assert "context_length" in refused(name)
    Path("my_config.json").write_text("[5]")
    save(Path(name), found | {"attention": numbers(3, 1)})
    assert "the weights do not fit the architecture window_lstm" in refused(name)
    with h5py.File(name, "a") as root:
        del root["rnn_1/rnn_1/recurrent_kernel:0"]
    says = f"{name}: its weights do not fit the nearest architecture, window_lstm: 'recurrent_kernel'"
    assert says in refused(name)
    with h5py.File(name, "a") as root:
        del root["attention"]
    assert f"{name} is not read: it has weights alone" in refused(name)
