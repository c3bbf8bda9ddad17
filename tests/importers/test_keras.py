"""`seqshell import` of models of Keras: the logits are those of its layers, and other files are refused in one line."""

from __future__ import annotations

import json
import sys
import zipfile

import h5py
import numpy as np
import pytest
from tests.importers.conftest import as_cudnn
from tests.importers.keras_models import (
    TOKENS,
    E,
    H,
    V,
    both,
    dense,
    described,
    embedding,
    forward,
    imported,
    numbers,
    recurrent,
    save_h5,
    save_keras,
)

from seqshell.cli import main


@pytest.fixture(autouse=True)
def _home(folder):
    (folder / "vocab.txt").write_text("a\nb\nc\nd\ne\nf\n")


LANGUAGE_MODELS = [
    [embedding(), recurrent("LSTM", "lstm", E), dense(H, V)],
    [embedding(), recurrent("LSTM", "lstm", E), recurrent("LSTM", "lstm_1", H), dense(H, V)],
    [recurrent("LSTM", "lstm", V), dense(H, V)],
    [embedding(), recurrent("GRU", "gru", E, reset_after=True), dense(H, V)],
    [
        embedding(),
        recurrent("GRU", "gru", E, reset_after=False),
        recurrent("GRU", "g", H, reset_after=False),
        dense(H, V),
    ],
    [embedding(), recurrent("SimpleRNN", "rnn", E), ("Dropout", "dropout", {"rate": 0.2}, []), dense(H, V)],
    [recurrent("SimpleRNN", "rnn", V, activation="relu"), dense(H, V, "linear")],
]


@pytest.mark.parametrize("save", [save_h5, save_keras])
@pytest.mark.parametrize("index", range(len(LANGUAGE_MODELS)))
def test_a_language_model_computes_the_logits_of_keras(capsys, folder, save, index):
    layers = LANGUAGE_MODELS[index]
    model = imported(capsys, save(folder / f"m.{save.__name__[5:]}", layers), "--vocab", "vocab.txt")
    state, logits = model.decoder.initial_state(1), []
    for token in TOKENS:
        outputs, state = model.decoder.step(np.array([token]), state)
        logits.append(outputs[0])

    np.testing.assert_allclose(logits, forward(layers, TOKENS), rtol=0, atol=2e-6)
    assert model.tokenizer.encode("fa") == [5, 0]


@pytest.mark.parametrize(
    "layer", [recurrent("LSTM", "r", E), recurrent("GRU", "r", E, reset_after=True)], ids=["lstm", "gru"]
)
def test_layers_for_cudnn_are_turned_into_others(capsys, folder, layer):
    kind, name, _, weights = layer
    first, last = embedding(), dense(H, V)
    path = save_h5(folder / "m.h5", [first, (f"CuDNN{kind}", name, {}, as_cudnn(weights)), last])
    model = imported(capsys, path, "--vocab", "vocab.txt")
    logits, _ = model.decoder.feed(np.array([TOKENS]), model.decoder.initial_state(1))
    np.testing.assert_allclose(logits[0], forward([first, layer, last], TOKENS)[-1], rtol=0, atol=2e-6)


GLOBAL_MAX = ("GlobalMaxPooling1D", "pool", {}, [])
RELU = recurrent("SimpleRNN", "rnn", E, activation="relu")


RELU[3][1] *= 0.1  # so that the state stays small in long texts


CLASSIFIERS = [
    [embedding(), recurrent("LSTM", "lstm", E), dense(H, 1, "sigmoid")],
    [embedding(), recurrent("GRU", "gru", E, reset_after=True), GLOBAL_MAX, dense(H, 3)],
    [embedding(), RELU, dense(H, 3)],
    [embedding(), both("b", recurrent("LSTM", "lstm", E)), dense(2 * H, 3)],
    [
        embedding(),
        both("b", recurrent("GRU", "gru", E, reset_after=True, return_sequences=True)),
        both("b_1", recurrent("GRU", "gru", 2 * H, reset_after=True, return_sequences=True)),
        GLOBAL_MAX,
        dense(2 * H, 3),
    ],
]


@pytest.mark.parametrize("save", [save_h5, save_keras])
@pytest.mark.parametrize("index", range(len(CLASSIFIERS)))
def test_a_classifier_computes_the_logits_of_keras(capsys, folder, save, index):
    """A single sigmoid becomes the second of two labels. The ids are 4 more than Keras's: special tokens come first."""
    layers = CLASSIFIERS[index]
    model = imported(capsys, save(folder / f"m.{save.__name__[5:]}", layers), "--vocab", "vocab.txt")
    ids = np.array(model.tokenizer.encode("dbfac"))
    logits, _ = model.decoder.feed(ids[None], model.decoder.initial_state(1))
    expected = forward(layers, TOKENS)[-1]

    assert ids.tolist() == [token + 4 for token in TOKENS]
    assert model.labels == tuple(str(label) for label in range(max(2, len(expected))))
    np.testing.assert_allclose(logits[0], expected if len(expected) > 1 else [0, expected[0]], rtol=0, atol=2e-6)


def test_labels_come_from_the_map_and_words_from_the_vocabulary(capsys, folder):
    (folder / "vocab.txt").write_text("<pad>\n<unk>\nthe\nfilm\nis\ngood\n")
    (folder / "map.toml").write_text('labels = ["bad", "good"]\n')
    layers = [embedding(), recurrent("LSTM", "lstm", E), dense(H, 1, "sigmoid")]
    model = imported(capsys, save_h5(folder / "m.h5", layers), "--vocab", "vocab.txt", "--map", "map.toml")

    assert model.labels == ("bad", "good")
    assert model.tokenizer.encode("the film was good") == [6, 7, 3, 9]
    assert [model.tokenizer.pad, model.tokenizer.bos, model.tokenizer.eos, model.tokenizer.unk] == [0, 1, 2, 3]


def refused(capsys, path, *options):
    """The one line that refuses a file."""
    code = main(["import", str(path), "--out", "./made.safetensors", *options])
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert code in (2, 3)
    return err.removeprefix("seqshell: ").strip()


LSTM = recurrent("LSTM", "lstm", E)


STACKS = {  # layers that no architecture has: what the line says
    "a layer Attention; this importer reads an Embedding, SimpleRNN": [
        *(embedding(), LSTM, ("Attention", "attention", {}, []), dense(H, V))
    ],
    "lstm has recurrent_activation = hard_sigmoid, which fits no": [
        *(embedding(), recurrent("LSTM", "lstm", E, recurrent_activation="hard_sigmoid"), dense(H, V))
    ],
    "lstm has activation = relu, which fits no": [
        *(embedding(), recurrent("LSTM", "lstm", E, activation="relu"), dense(H, V))
    ],
    "its layers are in another order; ": [embedding(), LSTM, dense(H, 8), dense(8, V, name="d")],
    "its layers have 3 and 5 units; ": [
        *(embedding(), LSTM, ("LSTM", "b", {}, [numbers(H, 12), numbers(3, 12), numbers(12)]), dense(3, V))
    ],
    "its layers differ in their settings": [
        *(embedding(), recurrent("SimpleRNN", "a", E), recurrent("SimpleRNN", "b", H, activation="relu"), dense(H, V))
    ],
    "a classifier with one-hot inputs fits no architecture": [recurrent("LSTM", "lstm", V), dense(H, 2)],
    "a classifier with GRU with reset_after=False fits no architecture": [
        *(embedding(), recurrent("GRU", "gru", E, reset_after=False), dense(H, 2))
    ],
    "a classifier with layers in one direction and in both fits no": [
        *(embedding(), both("b", recurrent("LSTM", "lstm", E)), recurrent("LSTM", "l", 2 * H), dense(H, 3))
    ],
    "it gives several labels at once": [embedding(), LSTM, dense(H, 3, "sigmoid")],
    "its weights do not fit its layers: 'recurrent_kernel'": [
        *(embedding(), ("LSTM", "lstm", {}, [numbers(E, 4 * H)]), dense(H, V))
    ],
    "its weights do not fit its layers: a kernel [4, 7] and a recurrent_kernel [5, 7]": [
        *(embedding(), ("LSTM", "lstm", {}, [numbers(E, 7), numbers(H, 7), numbers(7)]), dense(H, V))
    ],
    "the weights do not fit the architecture lstm": [embedding(), recurrent("LSTM", "lstm", E + 1), dense(H, V)],
}


@pytest.mark.parametrize("says", STACKS)
def test_layers_that_no_architecture_has_are_named_in_one_line(capsys, folder, says):
    assert says in refused(capsys, save_h5(folder / "m.h5", STACKS[says]), "--vocab", "vocab.txt")


def test_layers_that_do_not_form_a_chain_are_refused(capsys, folder):
    config = json.loads(described([embedding(), LSTM, dense(H, V)], functional=True))
    config["config"]["layers"][2]["inbound_nodes"] = [[["embedding", 0, 0, {}], ["lstm", 0, 0, {}]]]
    path = save_h5(folder / "m.h5", [embedding(), LSTM, dense(H, V)], functional=True)
    with h5py.File(path, "a") as root:
        root.attrs["model_config"] = json.dumps(config)
    assert refused(capsys, path).startswith("the layer dense (Dense) reads others than lstm; this importer reads")


def test_another_way_of_joining_directions_is_refused(capsys, folder):
    kind, name, config, weights = both("b", LSTM)
    layers = [embedding(), (kind, name, {**config, "merge_mode": "sum"}, weights), dense(H, 2)]
    assert "the layer b joins its directions otherwise" in refused(capsys, save_h5(folder / "m.h5", layers))


def test_a_vocabulary_and_labels_that_do_not_fit_are_said(capsys, folder):
    path = save_h5(folder / "m.h5", [embedding(), LSTM, dense(H, 3)])
    (folder / "short.txt").write_text("a\nb\n")
    (folder / "map.toml").write_text('labels = ["a", "b"]\n')
    assert refused(capsys, path) == "m.h5 has 6 tokens without their texts; --vocab FILE names them, one in each line"
    assert refused(capsys, path, "--vocab", "short.txt").endswith("without their texts; --vocab has 2")
    assert refused(capsys, path, "--vocab", "vocab.txt", "--map", "map.toml") == (
        "the model has 3 labels; write labels = [...] in the map with as many texts"
    )


def external(root):
    del root["model_weights"]
    root["model_weights"] = h5py.ExternalLink("other.h5", "/model_weights")


def external_numbers(root):
    del root["model_weights/dense/dense/bias:0"]
    root["model_weights/dense/dense"].create_dataset("bias:0", (V,), "f4", external=[("other.raw", 0, 4 * V)])


def huge(root):
    del root["model_weights/dense/dense/bias:0"]
    root["model_weights/dense/dense"].create_dataset("bias:0", (2**20, 2**20), "f4", chunks=(1, 1024))


def without_config(root):
    del root.attrs["model_config"]


def not_json(root):
    root.attrs["model_config"] = "[" * 100_000


def no_layers(root):
    root.attrs["model_config"] = '{"config": {"layers": [{"class_name": "LSTM", "config": 5}]}}'


DAMAGE = {
    external: "m.h5 is not read: it has no weights of layers",
    external_numbers: "m.h5 is not read: the numbers of dense/dense/bias:0 are in another file",
    huge: "m.h5 is not read: its array dense/dense/bias:0 [1048576, 1048576] is much larger than the file",
    without_config: "m.h5 is not read: it has weights alone; save the whole model, with model.save(FILE)",
    not_json: "m.h5 is not read: it is nested too deeply",
    no_layers: "m.h5 is not read: ",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_hostile_h5_is_one_line(capsys, folder, damage):
    """Nothing outside the file is read, and memory is taken only for numbers that the file holds."""
    path = save_h5(folder / "m.h5", [embedding(), LSTM, dense(H, V)])
    save_h5(folder / "other.h5", [embedding(), LSTM, dense(H, V)])
    (folder / "other.raw").write_bytes(bytes(4 * V))
    with h5py.File(path, "a") as root:
        damage(root)
    assert refused(capsys, path).startswith(DAMAGE[damage])


def test_a_truncated_empty_or_renamed_file_is_one_line(capsys, folder):
    whole = save_h5(folder / "m.h5", [embedding(), LSTM, dense(H, V)]).read_bytes()
    archive = save_keras(folder / "m.keras", [embedding(), LSTM, dense(H, V)]).read_bytes()
    for name, data, says in (
        ("a.h5", whole[: len(whole) // 2], "a.h5 is not read: "),
        ("a.keras", archive[: len(archive) // 2], "a.keras is truncated or damaged"),
        ("e.keras", archive.replace(b"HDF", b"HDX"), "e.keras is not read: Bad CRC-32"),
        ("b.h5", b"", "b.h5 is empty"),
        ("c.h5", b"not a model at all", "c.h5 is a text that begins with"),
        ("d.h5", archive, "no vocabulary"),
    ):
        (folder / name).write_bytes(data)
        line = refused(capsys, folder / name)
        assert line.startswith(says) or (says == "no vocabulary" and "the file does not name its 6 tokens" in line)


def test_an_archive_whose_parts_are_much_larger_is_refused(capsys, folder):
    zeros = ("Dense", "dense", {}, [np.zeros((H, 1_000_000), np.float32), np.zeros(V, np.float32)])
    path = save_keras(folder / "m.keras", [embedding(), LSTM, zeros], zipfile.ZIP_DEFLATED)
    assert refused(capsys, path) == "m.keras is not read: its parts are much larger than the file"


def test_without_h5py_the_line_says_what_to_install(capsys, folder, monkeypatch):
    path = save_h5(folder / "m.h5", [embedding(), LSTM, dense(H, V)])
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert refused(capsys, path) == "m.h5 is a model of Keras; to read it, pip install h5py"
