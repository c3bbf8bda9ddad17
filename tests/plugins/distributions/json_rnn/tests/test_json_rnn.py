import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import seqshell_json_rnn
from seqshell_json_rnn.reading import read

import seqshell
from seqshell import SeqshellError, Task
from seqshell.testing import check_importer, failed, shell_for

CHARS = ["b", "a", "\n", "ü"]  # unordered, as from list(set(text))
HIDDEN = 5


def min_char_rnn():
    """The parts of a model as in the gist, written with tolist()."""
    random = np.random.default_rng(0)
    shapes = {"Wxh": (HIDDEN, 4), "Whh": (HIDDEN, HIDDEN), "Why": (4, HIDDEN), "bh": (HIDDEN, 1), "by": (4, 1)}
    return {**{name: random.normal(0, 1, shape).tolist() for name, shape in shapes.items()}, "chars": CHARS}


def logits_of(parts, text):
    """The gist's forward pass, in float64: the logits after the last character."""
    arrays = {name: np.array(values).reshape(len(values), -1) for name, values in parts.items() if name != "chars"}
    hidden = np.zeros((HIDDEN, 1))
    for character in text:
        x = np.zeros((4, 1))
        x[CHARS.index(character)] = 1
        hidden = np.tanh(arrays["Wxh"] @ x + arrays["Whh"] @ hidden + arrays["bh"])
    return (arrays["Why"] @ hidden + arrays["by"])[:, 0]


def written(folder, parts, name="model.json"):
    path = folder / name
    path.write_text(parts if isinstance(parts, str) else json.dumps(parts), "utf-8")
    return path


def test_the_importer_passes_all_checks():
    assert not failed(check_importer(read))


def test_a_file_becomes_an_elman_network(tmp_path):
    found = read(written(tmp_path, min_char_rnn()), {})

    assert (found.task, found.architecture) == (Task.GENERATE, "elman")
    assert found.config == {
        "vocab_size": 4,
        "embed_size": 0,
        "hidden_size": HIDDEN,
        "form": "h2o",
        "nonlinearity": "tanh",
    }
    assert {name: array.shape for name, array in found.weights.items()} == {
        "i2h.weight": (HIDDEN, 4),
        "i2h.bias": (HIDDEN,),
        "h2h.weight": (HIDDEN, HIDDEN),
        "h2h.bias": (HIDDEN,),
        "h2o.weight": (4, HIDDEN),
        "h2o.bias": (4,),
    }
    assert found.tokenizer.encode("aü\n") == [1, 3, 2]


def test_biases_may_be_vectors_and_parts_may_have_other_names(tmp_path):
    parts = min_char_rnn()
    flat = {**parts, "bh": np.array(parts["bh"])[:, 0].tolist(), "W_in": parts["Wxh"], "chars": "".join(CHARS)}
    del flat["Wxh"]
    one, other = read(written(tmp_path, parts), {}), read(written(tmp_path, flat), {"names": {"Wxh": "W_in"}})

    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert other.tokenizer.encode("bü") == [0, 3]
    with pytest.raises(SeqshellError, match="the file's names, as strings, of Wxh"):
        read(tmp_path / "model.json", {"names": {"W_in": "Wxh"}})


@pytest.mark.parametrize(
    ("name", "text"),
    [("model.json", "[1, 2]"), ("model.json", "{"), ("model.json", '{"layers": 2}'), ("model.txt", '{"Wxh": []}')],
)
def test_other_files_are_left_to_other_importers(tmp_path, name, text):
    assert read(written(tmp_path, text, name), {}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": None}, "has no by"),
        ({"Whh": [[1.0]]}, "Whh in model.json is 1 x 1 and should be 5 x 5"),
        ({"Wxh": [[1.0], [1.0, 2.0]]}, "rows of numbers"),
        ({"Why": [[float("nan")] * HIDDEN] * 4}, "finite"),
        ({"bh": ["one"] * HIDDEN}, "rows of numbers"),
        ({"by": [1e300] * 4}, "finite"),
        ({"chars": ["ab", "c", "d", "e"]}, "single characters"),
        ({"chars": ["a", "a", "b", "c"]}, "different"),
        ({"chars": "ab"}, "for 2 chars"),
    ],
)
def test_invalid_files_are_refused_in_one_line(tmp_path, change, words):
    parts = {name: value for name, value in (min_char_rnn() | change).items() if value is not None}
    with pytest.raises(SeqshellError, match=words) as caught:
        read(written(tmp_path, parts), {})
    assert "\n" not in caught.value.message


def test_the_registry_contains_the_importer():
    assert shell_for(plugins=[seqshell_json_rnn]).registry.lookup("importer", "json_rnn") is read


def test_an_imported_model_has_the_gists_probabilities(tmp_path):
    parts = min_char_rnn()
    written(tmp_path, parts)
    (tmp_path / "map.toml").write_text(
        'about = "Knows three letters."\n[defaults]\nsampler = "temperature=0.5"\n', "utf-8"
    )
    variables = {
        **os.environ,
        "SEQSHELL_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(Path(seqshell_json_rnn.__file__).parents[1]),
    }
    words = ["import", "model.json", "--map", "map.toml", "--out", "./mine.safetensors", "-p", "seqshell_json_rnn"]
    subprocess.run([sys.executable, "-m", "seqshell", *words], check=True, cwd=tmp_path, env=variables)

    session = seqshell.open(tmp_path / "mine.safetensors")
    session.feed("aüb\nbab")
    logits = logits_of(parts, "aüb\nbab")
    expected = dict(zip(CHARS, logits - np.log(np.exp(logits).sum()), strict=True))
    assert {token.text: token.log_prob for token in session.top(4).tokens} == pytest.approx(expected, abs=1e-5)
    assert (session.model.header["about"], session.model.header["defaults"]) == (
        "Knows three letters.",
        {"sampler": "temperature=0.5"},
    )
    assert "".join(event.text for event in session.generate(20)) == session.text().text.removeprefix("aüb\nbab")
