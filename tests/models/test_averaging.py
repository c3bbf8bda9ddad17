"""The average of checkpoints: its weights, what it records, and models that have none."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from seqshell.cli import main
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.averaging import average_models
from seqshell.models.opening import open_model

HEADER = {
    "kind": "model",
    "architecture": "gru",
    "task": "generate",
    "config": {"vocab_size": 3, "embed_size": 2, "hidden_size": 2, "num_layers": 1, "tied": False},
    "tokenizer": {"name": "char", "vocabulary": "abc"},
    "parameters": 37,
    "provenance": {"data": {"name": "a.txt"}, "metrics": {"nats": 1.0}, "recipe": "task = 'generate'"},
}
REGISTRY = load_registry()
SHAPES = {
    "embedding.weight": (3, 2),
    "recurrent.0.weight_ih_l0": (6, 2),
    "recurrent.0.weight_hh_l0": (6, 2),
    "recurrent.0.bias_ih_l0": (6,),
    "recurrent.0.bias_hh_l0": (6,),
    "readout.weight": (3, 2),
    "readout.bias": (3,),
}


def weights(seed: int) -> dict[str, np.ndarray]:
    draws = np.random.default_rng(seed)
    return {name: draws.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write models in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(name, header=None, tensors=None):
        file.write(f"{name}.safetensors", HEADER | (header or {}), weights(len(name)) if tensors is None else tensors)
        return f"./{name}.safetensors"

    return write


def test_the_weights_are_the_means_and_the_provenance_names_the_models(written):
    words = [
        written("a"),
        written("bb"),
        written("ccc", tensors={n: v.astype(np.float16) for n, v in weights(3).items()}),
    ]
    path = average_models(words, REGISTRY, "./mean.safetensors")
    header, found = file.read(path)

    for name, values in found.items():
        expected = (weights(1)[name] + weights(2)[name] + weights(3)[name].astype(np.float16)) / 3
        np.testing.assert_allclose(values, expected, atol=1e-6)
        assert values.dtype == np.float32
    model = open_model(path, REGISTRY)
    averaged = header["provenance"]["averaged"]
    assert [each["name"] for each in averaged] == ["a", "bb", "ccc"]
    assert averaged[0]["fingerprint"] == open_model("./a.safetensors", REGISTRY).fingerprint != model.fingerprint
    assert header["provenance"].keys() == {"data", "recipe", "averaged"}


def test_weights_that_all_models_store_in_half_precision_are_stored_so(written):
    tensors = [{name: values.astype(np.float16) for name, values in weights(seed).items()} for seed in (1, 2)]
    tensors[1]["readout.bias"] = weights(2)["readout.bias"]
    words = [written(name, tensors=each) for name, each in zip("ab", tensors, strict=True)]
    path = average_models(words, REGISTRY, "./mean.safetensors")

    halves = {name for name, (dtype, _) in file.read_types(path).items() if dtype == "F16"}
    assert halves == SHAPES.keys() - {"readout.bias"}
    expected = (tensors[0]["readout.weight"].astype(np.float32) + tensors[1]["readout.weight"]) / 2
    np.testing.assert_array_equal(file.read(path)[1]["readout.weight"], expected.astype(np.float16))


def test_a_setting_that_an_older_file_lacks_has_its_default(written):
    newer = {"config": {**HEADER["config"], "residual": False}}
    path = average_models([written("a"), written("bb", newer)], REGISTRY, "./mean.safetensors")
    assert file.read(path)[0]["config"] == HEADER["config"]

    other = written("ccc", {"config": {**HEADER["config"], "dropout": 0.5, "locked": "yes"}})
    with pytest.raises(CheckpointError, match=re.escape("ccc.safetensors: the setting locked cannot be 'yes'")):
        average_models(["./a.safetensors", other], REGISTRY, "./mean.safetensors")


def test_whole_numbers_that_are_equal_are_kept(written):
    counts = {"counts": np.array([1, 2, 3])}
    words = [written(name, {"provenance": {}}, weights(1) | counts) for name in ("a", "b")]
    header, found = file.read(average_models(words, REGISTRY, "./mean.safetensors"))

    assert found["counts"].tolist() == [1, 2, 3]
    assert header["provenance"].keys() == {"averaged"}


@pytest.mark.parametrize(
    ("header", "tensors", "message"),
    [
        ({"config": {**HEADER["config"], "hidden_size": 3}}, None, "b.safetensors has another config than a.safetens"),
        (
            {"tokenizer": {"name": "char", "vocabulary": "abd"}},
            None,
            "b.safetensors has another vocabulary than a.safe",
        ),
        ({"architecture": "lstm"}, None, "b.safetensors has another architecture than a.safetensors"),
        ({"kind": "state"}, None, "b.safetensors is a saved state, not a model"),
        (
            {},
            {"readout.bias": np.zeros(4, np.float32)},
            "b.safetensors has other weights than a.safetensors: embedding",
        ),
        ({}, weights(1) | {"more": np.zeros(1)}, "b.safetensors has other weights than a.safetensors: more"),
        ({}, weights(1) | {"readout.bias": np.zeros(4, np.float32)}, "b.safetensors has other weights than a.safetens"),
    ],
)
def test_models_that_do_not_fit_together_are_refused(written, header, tensors, message):
    with pytest.raises(CheckpointError, match=re.escape(message)):
        average_models([written("a"), written("b", header, tensors)], REGISTRY, "./mean.safetensors")


def test_counts_have_no_average(written):
    words = [written(name, {}, {"counts": np.array([ord(name)])}) for name in "ab"]
    with pytest.raises(CheckpointError, match="differ in counts, whole numbers that have no average"):
        average_models(words, REGISTRY, "./mean.safetensors")


def test_one_model_has_no_average(written):
    with pytest.raises(UsageError, match="average takes two models or more"):
        average_models([written("a")], REGISTRY, "./mean.safetensors")


def test_the_command_line_writes_an_average(written, capsys):
    one, other = written("a"), written("bb")

    assert main(["average", one, other, "-o", "./mean.safetensors"]) == 0
    assert capsys.readouterr().out == "wrote mean.safetensors, the average of 2 models\n"
    assert main(["average", one, other, "-o", "./mean.safetensors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"models": [one, other], "file": "mean.safetensors"}
    assert main(["average", one, "shakespear", "-o", "./mean.safetensors"]) == 3
    assert "did you mean shakespeare?" in capsys.readouterr().err
