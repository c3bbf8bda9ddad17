"""`seqshell export`: what it writes, runs without seqshell, and gives the logits of the model."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

import seqshell
import seqshell.exporting
from seqshell.cli import main
from seqshell.core.subword_tokenizers import WordTokenizer
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.exporting import export_model, text_functions
from seqshell.models.task_parts.parts import Contents
from seqshell.testing import tiny_checkpoint, tiny_classification_checkpoint, tiny_forecast_checkpoint

WITHOUT = (
    "import json, runpy, sys\n"
    "sys.modules['seqshell'] = None  # importing it raises ImportError\n"
    "module = runpy.run_path(sys.argv[1])\n"
    "import torch\n"
    "model = module['load']()\n"
    "with torch.inference_mode():\n"
    "    logits, state = model(torch.tensor([module['encode'](sys.argv[2])]), model.initial_state())\n"
    "module['main']([sys.argv[2]])\n"
    "print(json.dumps(logits[0].tolist()))\n"
)


def run(capsys, *arguments):
    """Run `seqshell export`. Returns the exit code, stdout and stderr."""
    code = main(["export", *arguments])
    return code, *capsys.readouterr()


@pytest.fixture
def checkpoint(folder):
    """A tiny language model of characters, as ./tiny.safetensors."""
    return str(tiny_checkpoint(folder / "tiny.safetensors"))


def test_the_python_file_runs_without_seqshell_and_gives_its_logits(capsys, folder, checkpoint):
    code, out, _ = run(capsys, checkpoint, "--to", "pytorch")
    assert (code, out) == (0, "wrote tiny.py, tiny.pt, tiny.json; run python tiny.py\n")

    ran = subprocess.run([sys.executable, "-c", WITHOUT, "tiny.py", "abca"], capture_output=True, text=True)
    *shown, logits = ran.stdout.splitlines()
    model = seqshell.open(checkpoint, registry=load_registry()).model
    ids = np.array(model.tokenizer.encode("abca"))
    state, expected = model.decoder.initial_state(1), []
    for token in ids:
        outputs, state = model.decoder.step(np.array([token]), state)
        expected.append(outputs[0])

    assert ran.stderr == ""
    np.testing.assert_allclose(json.loads(logits), expected, rtol=0, atol=1e-5)
    best = int(np.argmax(expected[-1]))
    assert shown[0] == f"{expected[-1][best]:9.4f}  {model.tokenizer.piece(best).decode()!r}"


def test_the_graph_gives_the_logits_and_the_state_of_a_step(capsys, folder, checkpoint):
    code, out, _ = run(capsys, checkpoint, "--to", "onnx", "-o", "graph.onnx", "--json")
    assert (code, json.loads(out)) == (0, {"model": checkpoint, "to": "onnx", "files": ["graph.onnx"]})

    graph = onnxruntime.InferenceSession("graph.onnx")
    model = seqshell.open(checkpoint, registry=load_registry()).model
    state = model.decoder.initial_state(1)
    given = {each.name: np.zeros([1, 1, each.shape[2]], np.float32) for each in graph.get_inputs()[1:]}
    for token in (2, 0, 1):
        outputs, state = model.decoder.step(np.array([token]), state)
        logits, *new = graph.run(None, {"tokens": np.array([[token]]), **given})
        given = dict(zip(given, new, strict=True))
        np.testing.assert_allclose(logits[0], outputs, rtol=0, atol=1e-5)
    assert graph.get_modelmeta().producer_name == "seqshell"
    assert graph.get_modelmeta().description.startswith("A language model: 1 layer of ")


def test_files_that_are_there_are_replaced_only_if_they_are_named(capsys, folder, checkpoint):
    (folder / "other.pt").write_text("mine")
    assert run(capsys, checkpoint, "--to", "pytorch")[0] == 0
    for arguments, message in {
        (): "tiny.py exists already; -o FILE.py replaces it or chooses another name",
        ("-o", "other.py"): "other.pt exists already; -o FILE.py chooses another name",
    }.items():
        assert run(capsys, checkpoint, "--to", "pytorch", *arguments) == (2, "", f"seqshell: {message}\n")
    assert (folder / "other.pt").read_text() == "mine"
    assert run(capsys, checkpoint, "--to", "pytorch", "-o", "tiny.py")[0] == 0


def test_what_cannot_be_exported_is_one_line(capsys, folder, checkpoint):
    for arguments, message in {
        (checkpoint,): "the following arguments are required: --to; seqshell export --help lists the options",
        (checkpoint, "--to", "keras"): "argument --to: invalid choice: 'keras' (choose from pytorch, onnx); "
        "seqshell export --help lists the options",
        (checkpoint, "--to", "onnx", "-o", "a.py"): "onnx is written to a file whose name ends with .onnx, not a.py",
        (checkpoint, "--to", "pytorch", "-o", "code.py"): "code.py would hide Python's module code; -o FILE.py chooses "
        "another name",
        ("none", "--to", "onnx"): "no model 'none'",
    }.items():
        code, out, err = run(capsys, *arguments)
        assert (code != 0, out, err.count("\n")) == (True, "", 1)
        assert err.replace("'pytorch', 'onnx'", "pytorch, onnx").startswith(f"seqshell: {message}")


def test_an_architecture_without_an_exporter_and_a_broken_exporter_are_named(monkeypatch, folder, checkpoint):
    registry = load_registry()

    def exported(export):
        monkeypatch.setattr("seqshell_recurrent.exporting.export_recurrent", export)
        return export_model(checkpoint, registry, "onnx")

    with pytest.raises(seqshell.PluginError, match=r"the exporter of rnn returned a int, not a PlainModel$"):
        exported(lambda config, weights: 5)
    with pytest.raises(seqshell.PluginError, match=r"the exporter of rnn failed at tiny: ZeroDivisionError"):
        exported(lambda config, weights: 1 / 0)
    with pytest.raises(seqshell.UsageError, match=r"^tiny cannot be exported to onnx; --to pytorch can$"):
        exported(lambda config, weights: seqshell.exporting.PlainModel("", {}, "", {}))
    without = replace(registry.architectures["rnn"], export=None)
    monkeypatch.setattr("seqshell.models.exporting.find_architecture", lambda *_: ("rnn", without))
    with pytest.raises(seqshell.UsageError, match=r"^tiny cannot be exported: the architecture rnn has no exporter$"):
        export_model(checkpoint, registry, "onnx")
    assert not (folder / "tiny.onnx").exists()


def test_weights_that_do_not_fit_are_an_error_of_the_checkpoint(capsys, folder):
    header, weights = file.read(tiny_checkpoint(folder / "tiny.safetensors"))
    file.write(folder / "bad.safetensors", header, {**weights, "readout.bias": np.zeros(3, np.float32)})
    code, _, err = run(capsys, "./bad.safetensors", "--to", "onnx")
    assert (code, err) == (
        3,
        "seqshell: bad.safetensors: the tensor readout.bias is [3]; the config requires [10]\n",
    )


def output_of(capsys, path, *words):
    """What an exported program prints, run here, with the names that it defines."""
    names = runpy.run_path(str(path))
    names["main"](list(words))
    return names, capsys.readouterr().out


def test_the_program_of_a_classifier_prints_the_share_of_each_label(capsys, folder):
    path = tiny_classification_checkpoint(folder / "tiny.safetensors")
    run(capsys, str(path), "--to", "pytorch")
    names, out = output_of(capsys, "tiny.py", "abba")
    model = seqshell.open(path, registry=load_registry()).model
    logits, _ = model.decoder.feed(np.array([model.tokenizer.encode("abba")]), model.decoder.initial_state(1))
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum()

    assert names["encode"]("ab") == model.tokenizer.encode("ab")  # after the special ids
    assert out.splitlines() == [f"{share:7.2%}  {label}" for share, label in zip(shares, model.labels, strict=True)]


def test_the_program_of_a_forecaster_prints_values_in_their_own_units(capsys, folder):
    path = tiny_forecast_checkpoint(folder / "tiny.safetensors")
    run(capsys, str(path), "--to", "pytorch")
    names, out = output_of(capsys, "tiny.py", "1", "2.5", "3")
    model = seqshell.open(path, registry=load_registry()).model
    columns = len(model.series.columns)
    assert columns == 1
    values = (np.array([[[1], [2.5], [3]]], np.float32) - model.series.mean) / model.series.std
    forecasts, _ = model.decoder.feed(values.astype(np.float32), model.decoder.initial_state(1))
    expected = forecasts[0, :, 0] * model.series.std[0] + model.series.mean[0]  # [K, Q]

    assert "encode" not in names
    np.testing.assert_allclose([[float(each) for each in row.split()] for row in out.splitlines()], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("tokenizer", "text", "ids"),
    [
        (ByteTokenizer(), "é", [195, 169]),
        (ByteTokenizer(specials=True), "a", [101]),
        (CharTokenizer("ab"), "ba", [1, 0]),
        (CharTokenizer("ab", specials=True), "ba", [5, 4]),
        (WordTokenizer(["the", "end"], [2, 1]), "1 0", [1, 0]),
    ],
)
def test_the_program_encodes_characters_and_bytes_and_takes_ids_of_other_tokenizers(tokenizer, text, ids):
    functions, usage = text_functions(Contents(tokenizer))
    names = {
        "ABOUT": {"tokens": [tokenizer.piece(index).decode("utf-8", "replace") for index in range(tokenizer.size)]}
    }
    exec(functions, names)

    assert names["encode"](text) == ids
    assert usage == ("ID ..." if isinstance(tokenizer, WordTokenizer) else "TEXT")
    assert names["decode"](ids[0]) == names["ABOUT"]["tokens"][ids[0]]


def test_no_text_of_the_model_becomes_code(capsys, folder):
    text = '"""\nraise SystemExit("run")\n"""'
    name = 'a"""+str(1%0)+"""b.safetensors'
    tiny_checkpoint(folder / name, vocabulary='ab"\\{', about=text, examples=(text,))
    assert run(capsys, f"./{name}", "--to", "pytorch", "-o", 'c"""d.py')[0] == 0

    module = runpy.run_path('c"""d.py')
    assert [module["decode"](module["encode"](character)[0]) for character in 'ab"\\{'] == list('ab"\\{')
    assert module["load"]().training is False
