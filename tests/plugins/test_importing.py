"""`seqshell import` with the built-in importer state_dict: the imported model computes the same logits."""

import json
import sys
import warnings
from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from tests.plugins.imported_models import GRU, MAP, OUTER, E, H, V, WordModel, check_same, run, save
from torch import nn

import seqshell
from seqshell.host.builtin import load_registry
from seqshell.models import file

pytestmark = pytest.mark.usefixtures("folder_with_map")


@pytest.mark.parametrize(
    ("cell", "settings"),
    [
        (nn.RNN, {}),
        (nn.LSTM, {"num_layers": 2}),
        (nn.GRU, {"num_layers": 3}),
        (nn.LSTM, {"bias": False}),
        (nn.GRU, {"one_hot": True}),
        (nn.LSTM, {"one_hot": True, "num_layers": 2}),
        (nn.GRU, {"embed_size": H}),
        (nn.LSTM, {"embed_size": H, "tied": True}),
    ],
)
def test_torch_models_are_imported_without_naming_their_weights(capsys, cell, settings):
    module = WordModel(cell, **settings)
    torch.save(module.state_dict(), "theirs.pt")
    check_same(capsys, module, "theirs.pt", "--map", "map.toml")
    save_model(module, "theirs.safetensors")  # stores a shared matrix once
    check_same(capsys, module, "theirs.safetensors", "--map", "map.toml")


def test_the_map_names_a_nonlinearity_that_the_weights_do_not_show(capsys, tmp_path):
    module = WordModel(nn.RNN, nonlinearity="relu")
    save_file(module.state_dict(), "theirs.safetensors")
    (tmp_path / "map.toml").write_text(MAP + '[config]\nnonlinearity = "relu"\n')
    check_same(capsys, module, "theirs.safetensors", "--map", "map.toml")


def test_double_and_half_precision_become_single(capsys):
    module = WordModel(nn.GRU).bfloat16()
    save_file(module.state_dict(), "theirs.safetensors")
    check_same(capsys, module.float(), "theirs.safetensors", "--map", "map.toml")


@pytest.mark.parametrize(("sizes", "output_size"), [((9, 9, 4), 4), ((3, 8, 6), 6), ((4, 9), 0), ((9, 2, 5), 5)])
@pytest.mark.parametrize("cell", [nn.RNN, nn.LSTM, nn.GRU])
def test_layers_of_different_sizes_keep_their_logits(capsys, cell, sizes, output_size):
    """All but a smaller last layer are padded to the largest size with units that stay zero."""

    class Narrowing(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(V, E)
            pairs = zip((E, *sizes), sizes, strict=False)
            self.layers = nn.ModuleList(cell(below, size, batch_first=True) for below, size in pairs)
            self.out = nn.Linear(sizes[-1], V)

        def forward(self, tokens):
            hidden = self.emb(tokens)
            for layer in self.layers:
                hidden = layer(hidden)[0]
            return self.out(hidden)

    module = Narrowing()
    torch.save(module.state_dict(), "theirs.pt")
    check_same(capsys, module, "theirs.pt", "--map", "map.toml")
    config = seqshell.open("ours").model.header["config"]
    assert (config["hidden_size"], config["output_size"]) == (max(sizes), output_size)


def test_cells_are_imported_and_numbered_modules_are_ordered_by_number(capsys):
    module = nn.ModuleDict(
        {"0": nn.Embedding(V, E), "rnns": nn.ModuleList([nn.LSTMCell(E, H)] + [nn.LSTMCell(H, H) for _ in range(10)])}
    )
    module["out"] = nn.Linear(H, V)
    save_file(module.state_dict(), "theirs.safetensors")
    code, out, _ = run(capsys, "theirs.safetensors", "--map", "map.toml", "--json")
    assert code == 0
    assert json.loads(out)["config"]["num_layers"] == 11
    weights = file.read(json.loads(out)["path"])[1]
    np.testing.assert_array_equal(weights["recurrent.10.weight_ih_l0"], module["rnns"][10].weight_ih.detach().numpy())


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ('["c", "a", "b", "d", "e", "f", "g"]', 'file = "vocab"'),
        ('{"a": 1, "b": 2, "c": 0, "d": 3, "e": 4, "f": 5, "g": 6}', 'file = "vocab"'),
        ("gfedcbabc", 'text = "vocab"'),
    ],
)
def test_a_vocabulary_may_be_a_list_an_object_or_a_training_text(capsys, tmp_path, text, table):
    save_file(WordModel(nn.GRU).state_dict(), "theirs.safetensors")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "map.toml").write_text(f"[tokenizer]\n{table}\n[defaults]\nmax_tokens = 5\n")
    (tmp_path / "maps" / "vocab").write_text(text)
    assert run(capsys, "theirs.safetensors", "--map", "maps/map.toml")[0] == 0
    model = seqshell.open("theirs").model
    assert model.tokenizer.vocabulary == ("abcdefg" if "text" in table else "cabdefg")
    assert model.header["defaults"] == {"max_tokens": 5}


def test_256_tokens_are_bytes_by_default(capsys):
    module = nn.Sequential(nn.Embedding(256, E), nn.GRU(E, H), nn.Linear(H, 256))
    save_file(module.state_dict(), "bytes.safetensors")
    code, out, _ = run(capsys, "bytes.safetensors")
    assert code == 0
    assert out.startswith(
        "gru with vocab_size=256, embed_size=5, hidden_size=6, num_layers=1, tied=False; tokenizer byte;"
    )
    assert seqshell.open("bytes").model.header["provenance"]["imported"] == {
        "file": "bytes.safetensors",
        "importer": "state_dict",
    }


def test_an_existing_model_is_replaced_only_if_out_names_it(capsys):
    save("whole.safetensors", GRU | OUTER)
    arguments = ["whole.safetensors", "--map", "map.toml"]
    assert run(capsys, *arguments)[0] == 0
    assert "you already have a model whole: --out NAME chooses another name" in run(capsys, *arguments)[2]
    assert run(capsys, *arguments, "--out", "whole")[0] == 0


JSON_IMPORTER = """
import json, numpy as np, seqshell
from seqshell.core.tokenizers import CharTokenizer

def read(path, options):
    print("reading")
    if path.suffix != ".json":
        return None
    content = json.loads(path.read_text())
    if content == "bug":
        raise KeyError("bug")
    if content == "garbage":
        return 3
    if content == "exit":
        raise SystemExit
    if content == "fault":
        raise seqshell.CheckpointError("no weights in the file")
    weights = {name: np.full(shape, 0.1, np.float32) for name, shape in content.items()}
    config = {"vocab_size": 3, "embed_size": 0, "hidden_size": 2, "num_layers": 1}
    return seqshell.ForeignModel(
        seqshell.Task.GENERATE, "gru", config, weights, CharTokenizer("abc"), {"max_tokens": 4}, "from JSON"
    )

read.name = "json"

@seqshell.hookimpl
def seqshell_importers():
    yield read
"""


def test_a_plugins_importer_comes_first_and_its_errors_name_it(capsys, tmp_path):
    (tmp_path / "other.py").write_text(JSON_IMPORTER)
    layer = {"weight_ih": (6, 3), "weight_hh": (6, 2), "bias_ih": (6,), "bias_hh": (6,)}
    fine = {f"recurrent.0.{part}_l0": shape for part, shape in layer.items()} | {
        "readout.weight": (3, 2),
        "readout.bias": (3,),
    }
    for content, code, message in (
        (fine, 0, "reading\n"),
        (fine | {"readout.bias": (4,)}, 3, "readout.bias"),
        ("fault", 3, "no weights in the file"),
        ("bug", 2, "the plugin other: the importer json failed at m.json: KeyError: 'bug' (other.py, line 11)\n"),
        ("exit", 2, "it called sys.exit"),
        ("garbage", 2, "it returned a int, not a seqshell.ForeignModel or None"),
    ):
        (tmp_path / "m.json").write_text(json.dumps(content))
        actual, out, err = run(capsys, "m.json", "-p", "other.py", "--out", "m")
        assert (actual, bool(out)) == (code, code == 0), err
        assert message in err
    header = seqshell.open("m").model.header
    assert (header["about"], header["defaults"]) == ("from JSON", {"max_tokens": 4})
    save("theirs.safetensors", GRU | OUTER)
    assert run(capsys, "theirs.safetensors", "--map", "map.toml", "-p", "other.py")[0] == 0


def test_files_of_torch_are_read_whatever_their_name_is(capsys):
    module = WordModel(nn.LSTM)
    for name in ("model.pth.tar", "rnn_20_epoch.net", "noending"):
        torch.save({"state_dict": module.state_dict()}, name)
        check_same(capsys, module, name, "--map", "map.toml")
    assert run(capsys, "model.pth.tar", "--map", "map.toml", "--json")[0] == 0
    assert seqshell.open("model", registry=load_registry()).model.name == "model"


@pytest.mark.parametrize("legacy", [False, True])
def test_a_whole_module_is_read_without_its_class(capsys, legacy):
    module = WordModel(nn.RNN, num_layers=2, nonlinearity="relu", embed_size=H, tied=True)
    model = type("Model", (WordModel,), {"__module__": "gone"})  # no such module can be imported
    sys.modules["gone"] = SimpleNamespace(Model=model)
    module.__class__ = model
    for thing in (module, [module, nn.CrossEntropyLoss()], {"model": module, "epoch": 3}):
        with warnings.catch_warnings(action="ignore"):  # torch cannot store the source code of the class
            torch.save(thing, "whole.pt", _use_new_zipfile_serialization=not legacy)
        sys.modules.pop("gone")
        check_same(capsys, module, "whole.pt", "--map", "map.toml")
        sys.modules["gone"] = SimpleNamespace(Model=model)
    sys.modules.pop("gone")


def test_plain_values_beside_the_weights_are_read(capsys):
    module = WordModel(nn.LSTM)
    beside = {
        "args": Namespace(hidden=H, rate=np.float64(0.5), shape=(1, 2)),
        "more": SimpleNamespace(seed=np.int64(3)),
        "loss": np.float32(1.5),
        "curve": np.arange(3.0),
    }
    torch.save({"state_dict": module.state_dict(), **beside}, "beside.pt")
    check_same(capsys, module, "beside.pt", "--map", "map.toml")


def test_the_tokens_of_a_file_are_those_of_its_model(capsys, tmp_path):
    module, shuffled = WordModel(nn.LSTM), "gbadcfe"
    numbers = {character: number for number, character in enumerate(shuffled)}
    for entry in (tuple(shuffled), list(shuffled), shuffled, numbers, dict(enumerate(shuffled))):
        torch.save({"state_dict": module.state_dict(), "tokens": entry}, "own.net")
        check_same(capsys, module, "own.net")
        assert file.read_header(tmp_path / "home" / "models" / "ours.safetensors")["tokenizer"] == {
            "name": "char",
            "vocabulary": shuffled,
        }
