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
from torch import nn

import seqshell
from seqshell.cli import main
from seqshell.host.builtin import load_registry
from seqshell.models import file

V, E, H = 7, 5, 6
LETTERS = "abcdefg"
MAP = f'[tokenizer]\nvocabulary = "{LETTERS}"\n'
TOKENS = torch.tensor([[1, 5, 0, 6, 2, 2, 4]])


@pytest.fixture(autouse=True)
def _home(folder):
    (folder / "map.toml").write_text(MAP)
    torch.manual_seed(3)


class WordModel(nn.Module):
    """A language model as in torch's examples."""

    def __init__(self, cell, *, one_hot=False, embed_size=E, tied=False, **settings):
        super().__init__()
        if not one_hot:
            self.encoder = nn.Embedding(V, embed_size)
        self.rnn = cell(V if one_hot else embed_size, H, batch_first=True, **settings)
        self.decoder = nn.Linear(H, V)
        if tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, tokens):
        embedded = self.encoder(tokens) if hasattr(self, "encoder") else nn.functional.one_hot(tokens, V).float()
        return self.decoder(self.rnn(embedded)[0])


def run(capsys, *arguments):
    """Run `seqshell import`. Returns the exit code, stdout and stderr."""
    code = main(["import", *arguments])
    return code, *capsys.readouterr()


def logits(name):
    """The imported model's logits after each token: [T, V]."""
    decoder = seqshell.open(name, registry=load_registry()).model.decoder
    state, logits = decoder.initial_state(1), []
    for token in TOKENS[0].numpy():
        outputs, state = decoder.step(np.array([token]), state)
        logits.append(outputs[0])
    return np.array(logits)


def check_same(capsys, module, *arguments):
    """`seqshell import` succeeds, and the checkpoint has the module's logits."""
    code, _, err = run(capsys, *arguments, "--out", "ours")
    assert (code, err) == (0, "")
    with torch.no_grad():
        np.testing.assert_allclose(logits("ours"), module.eval()(TOKENS)[0].numpy(), atol=1e-6)


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


class AmbiguousModel(nn.Module):
    """Two recurrent modules, square matrices, no read-out bias, and weights that are not part of the model."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(V, V)
        self.lower = nn.GRU(V, V, batch_first=True)
        self.upper = nn.GRU(V, V, batch_first=True)
        self.output = nn.Linear(V, V, bias=False)
        self.unrelated = nn.Linear(3, 3)

    def forward(self, tokens):
        return self.output(self.upper(self.lower(self.table(tokens))[0])[0])


def test_each_error_names_the_map_entry_that_resolves_an_ambiguity(capsys, tmp_path):
    module = AmbiguousModel()
    torch.save({"epoch": 1, "ema": module.state_dict(), "model": module.state_dict()}, "odd.pt")
    steps = [
        (
            "several entries contain weights; choose one in a map, [weights] inside = 'ema' or 'model'",
            'inside = "model"',
        ),
        ("from the bottom up: [weights] recurrent = ['lower', 'upper']", 'recurrent = ["lower", "upper"]'),
        (
            "has no part for unrelated.bias [3], unrelated.weight [3, 3]; "
            "leave such weights out in a map, with [weights] ignore = [...]",
            'ignore = ["unrelated"]',
        ),
        (
            "the shapes of table.weight [7, 7], output.weight [7, 7] do not show which is the embedding",
            'embedding = "table"\nreadout = "output"',
        ),
    ]
    weights = "[weights]\n"
    for message, line in steps:
        (tmp_path / "map.toml").write_text(weights + MAP)
        code, _, err = run(capsys, "odd.pt", "--map", "map.toml")
        assert (code, err.count("\n")) == (2, 1)
        assert message in err
        weights += line + "\n"
    (tmp_path / "map.toml").write_text(weights + MAP)
    check_same(capsys, module, "odd.pt", "--map", "map.toml")


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


def save(path, weights):
    """Save random weights of the given shapes."""
    save_file({name: torch.randn(shape) for name, shape in weights.items()}, path)


GRU = {"rnn.weight_ih_l0": (18, 5), "rnn.weight_hh_l0": (18, 6)}
OUTER = {"encoder.weight": (7, 5), "decoder.weight": (7, 6)}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            {"fc.weight": (3, 3)},
            "no nn.RNN, nn.LSTM or nn.GRU found (no weight_ih_l0 and weight_hh_l0); the file has fc.weight [3, 3]",
        ),
        (
            GRU,
            "the nearest architecture is gru: besides its layers, it needs an embedding [V, 5] "
            "(none if tokens are one-hot) and a read-out [V, 6], with V tokens each; the file has nothing else",
        ),
        (GRU | {"encoder.weight": (7, 5), "decoder.weight": (2, 6)}, "it needs an embedding [V, 5]"),
        (
            GRU | OUTER | {"norm.weight": (6,)},
            "the nearest architecture, gru, has no part for norm.weight [6]; "
            "leave such weights out in a map, with [weights] ignore = [...]",
        ),
        (
            GRU | OUTER | {"rnn.weight_ih_l0_reverse": (18, 5)},
            "rnn.weight_ih_l0_reverse belongs to a bidirectional layer",
        ),
        (GRU | OUTER | {"rnn.weight_hr_l0": (4, 6)}, "rnn.weight_hr_l0 is a projection"),
        (GRU | OUTER | {"rnn.weight_ih_l2": (18, 6)}, "layer 1 of 'rnn' has no weight_ih_l1"),
        (
            OUTER | {"rnn.weight_ih_l0": (12, 5), "rnn.weight_hh_l0": (12, 6)},
            "rnn.weight_hh_l0 [12, 6] is not of an nn.RNN, nn.LSTM or nn.GRU",
        ),
        (
            OUTER | {"rnn.weight_ih_l0": (18, 5), "rnn.weight_hh_l0": (12, 6)},
            "are not the weights of one recurrent layer",
        ),
        (
            OUTER | {"rnn.weight_ih_l0": (0, 5), "rnn.weight_hh_l0": (0, 0)},
            "are not the weights of one recurrent layer",
        ),
        (GRU | OUTER | {"rnn.bias_ih_l0": (4,)}, "rnn.bias_ih_l0 [4] does not fit rnn.weight_hh_l0 [18, 6]"),
        (
            GRU | OUTER | {"rnn.weight_ih_l1": (12, 5), "rnn.weight_hh_l1": (12, 4)},
            "rnn.weight_ih_l1 is of a gru layer with 5 inputs, but the layer below is gru with 6 units; "
            "the layers of a model must fit each other",
        ),
        (
            GRU | {"encoder.weight": (8, 5), "decoder.weight": (8, 6)},
            "the weights are for 8 tokens, but the char tokenizer has 7",
        ),
    ],
)
def test_weights_that_are_not_a_language_model_are_refused_with_a_reason(capsys, weights, message):
    save("theirs.safetensors", weights)
    code, out, err = run(capsys, "theirs.safetensors", "--map", "map.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file does not name its 7 tokens; write --vocab FILE, with one token in each line, or --map MAP.toml"),
        ("=", "map.toml is not TOML"),
        ("tokenizer = 3", "map.toml: tokenizer must be a table, [tokenizer] with its keys below it, not 3"),
        ("[tokenizer]", 'char needs one of vocabulary = "abc..."'),
        (
            '[tokenizer]\nvocabulary = "aa"',
            "[tokenizer] of the map: the character tokenizer needs a vocabulary of distinct characters",
        ),
        ('[tokenizer]\nname = "nope"', "it needs the tokenizer 'nope', which no plugin offers"),
        ('[tokenizer]\nfile = "nope"', "cannot read nope: No such file"),
        ('[tokenizer]\nfile = "map.toml"', "the weights are for 7 tokens, but the listed tokenizer has 2"),
        ('[tokenizer]\nfile = "words.json"', "the weights are for 7 tokens, but the listed tokenizer has 2"),
        ('[tokenizer]\nfile = "short.txt"', "short.txt is no vocabulary: it has one line; --vocab needs one token"),
        (MAP + "[defaults]\nmax_tokens = true", "[defaults] max_tokens = True"),
        (MAP + "[weight]", "'weight' is not a map key of the importer state_dict; available: weights, config"),
        (MAP + "[weights]\nrnn = 'rnn'", "[weights] of a map has no key 'rnn'; available: recurrent, embedding"),
        (MAP + "[weights]\nrecurrent = []", "[weights] recurrent cannot be []"),
        (
            MAP + "[weights]\nrecurrent = 'lstm'",
            "[weights] recurrent: 'lstm' is not a recurrent module of the file; available: 'rnn'",
        ),
        (
            MAP + "[weights]\nembedding = 'nope'",
            "[weights] embedding: no 'nope' in the file, which has decoder.bias [7], decoder.weight",
        ),
        (MAP + "[weights]\nignore = ['nope']", "[weights] ignore: no 'nope' in the file"),
        ("importer = 'state'\n" + MAP, "no importer 'state'; did you mean state_dict?"),
    ],
)
def test_invalid_maps_are_refused_in_one_line(capsys, tmp_path, text, message):
    save_file(WordModel(nn.GRU).state_dict(), "theirs.safetensors")
    (tmp_path / "words.json").write_text('["a", "the"]')
    (tmp_path / "short.txt").write_text("abcdefg")
    (tmp_path / "map.toml").write_text(text)
    code, out, err = run(capsys, "theirs.safetensors", "--map", "map.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "home" / "models" / "theirs.safetensors").exists()


def test_config_settings_must_exist_and_fit_the_weights(capsys, tmp_path):
    save_file(WordModel(nn.GRU).state_dict(), "theirs.safetensors")
    for table, message in (
        ("nonlinearity = 'relu'", "has no setting 'nonlinearity'"),
        ("hidden_size = 9", "do not fit the architecture gru"),
    ):
        (tmp_path / "map.toml").write_text(f"{MAP}[config]\n{table}\n")
        code, _, err = run(capsys, "theirs.safetensors", "--map", "map.toml")
        assert (code, err.count("\n")) == (3, 1)
        assert message in err


class RunsCode:
    """Creates the file `ran` when it is unpickled without protection."""

    def __reduce__(self):
        return open, ("ran", "w")


def test_pickles_are_read_and_never_run_code(capsys, tmp_path):
    module = WordModel(nn.GRU)
    torch.save(module.state_dict(), "fine.pt")
    torch.save({"model": module.state_dict(), "extra": RunsCode()}, "evil.pt")
    torch.save([1, 2], "list.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "fine.pt").read_bytes()[:900])
    for name, code, message in (
        ("evil.pt", 3, "evil.pt is not read: it wants to call io.open"),
        ("list.pt", 3, "list.pt: no weights by name found"),
        ("cut.pt", 3, "cut.pt is truncated or damaged"),
    ):
        actual, out, err = run(capsys, name, "--map", "map.toml")
        assert (actual, out, err.count("\n")) == (code, "", 1), err
        assert message in err
    assert not (tmp_path / "ran").exists()


def test_a_pickle_that_claims_more_numbers_than_it_contains_is_refused(capsys):
    size = 20_000
    claimed = {
        "rnn.weight_ih_l0": (3 * 6, 5),
        "rnn.weight_hh_l0": (3 * 6, 6),
        "encoder.weight": (size, 5),
        "decoder.weight": (size, 6),
    }
    torch.save({name: torch.zeros(1).expand(shape) for name, shape in claimed.items()}, "thin.pt")
    code, _, err = run(capsys, "thin.pt", "--map", "map.toml")
    assert (code, err.count("\n")) == (3, 1)
    assert "thin.pt: a tensor [20000, 5] has more numbers than the file" in err


def test_files_that_cannot_be_imported_are_refused_in_one_line(capsys, tmp_path):
    (tmp_path / "rubbish.safetensors").write_bytes(b"404: Not Found")
    (tmp_path / "notes.txt").write_text("no weights")
    save("whole.safetensors", GRU | OUTER)
    nans = {name: torch.full(shape, torch.nan) for name, shape in (GRU | OUTER).items()}
    save_file(nans, "nan.safetensors")
    save_file(nans | {"rnn.weight_ih_l0": torch.ones(18, 5, dtype=torch.int8)}, "int.safetensors")
    assert run(capsys, "whole.safetensors", "--map", "map.toml", "--out", "./ours.safetensors")[0] == 0
    for arguments, code, message in (
        (["nope.pt"], 2, "no file 'nope.pt'"),
        (["rubbish.safetensors"], 3, "rubbish.safetensors is a text that begins with '404: Not Found', not a model"),
        (["notes.txt"], 2, "notes.txt is a text, not a model; seqshell train notes.txt trains a model on it"),
        (["."], 2, "--out NAME"),
        (["int.safetensors", "--map", "map.toml"], 3, "int.safetensors: rnn.weight_ih_l0 is of type int8"),
        (["nan.safetensors", "--map", "map.toml"], 3, "has values that are not finite in float32"),
        (
            ["ours.safetensors"],
            2,
            "ours.safetensors is already a seqshell checkpoint; open it with seqshell -m ours.safetensors",
        ),
        (["whole.safetensors", "--map", "map.toml", "--out", "./whole.safetensors"], 2, "is the imported file itself"),
        (["whole.safetensors", "--map", "map.toml", "--out", "a b"], 2, "invalid name"),
        (["whole.safetensors", "--map", "nope.toml"], 2, "cannot read nope.toml"),
    ):
        actual, out, err = run(capsys, *arguments)
        assert (actual, out, err.count("\n")) == (code, "", 1), (arguments, err)
        assert message in err


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


def test_a_text_whose_characters_contradict_the_tokens_of_the_file_is_refused(capsys, tmp_path):
    (tmp_path / "input.txt").write_text(LETTERS)
    (tmp_path / "text.toml").write_text('[tokenizer]\ntext = "input.txt"\n')
    state_dict = WordModel(nn.LSTM).state_dict()
    torch.save({"state_dict": state_dict, "tokens": tuple("gbadcfe")}, "own.net")
    code, _, err = run(capsys, "own.net", "--map", "text.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert "the file has its own 7 tokens, and they are not the sorted characters of input.txt; leave" in err

    torch.save({"state_dict": state_dict, "tokens": tuple(LETTERS)}, "own.net")
    assert run(capsys, "own.net", "--map", "text.toml")[0] == 0


def test_an_encoder_decoder_is_not_taken_for_a_stack(capsys):
    state_dict = {
        **{f"encoder.gru.{name}": weight for name, weight in nn.GRU(E, H).state_dict().items()},
        **{f"decoder.gru.{name}": weight for name, weight in nn.GRU(E, H).state_dict().items()},
        "encoder.embedding.weight": torch.zeros(V, E),
    }
    torch.save(state_dict, "seq2seq.pt")
    code, _, err = run(capsys, "seq2seq.pt", "--map", "map.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert "the file has an encoder and a decoder ('decoder.gru', 'encoder.gru'): encoder-decoders" in err


def test_a_transformer_is_called_one(capsys):
    weights = {"transformer.h.0.attn.c_attn.weight": torch.zeros(3, 3)}
    torch.save(weights, "gpt.pt")
    save_file(weights, "gpt.safetensors")
    code, _, err = run(capsys, "gpt.pt")
    assert (code, err.count("\n")) == (2, 1)
    assert "no nn.RNN, nn.LSTM or nn.GRU found (no weight_ih_l0 and weight_hh_l0), but attention" in err
    code, _, err = run(capsys, "gpt.safetensors")
    assert (code, err.count("\n")) == (3, 1)
    assert "gpt.safetensors was not written by seqshell: it has the weights of a transformer" in err


def save_script(path):
    with warnings.catch_warnings(action="ignore"):  # torch deprecates TorchScript
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


def test_torchscript_is_opened_by_importing_its_weights(capsys, tmp_path, recwarn):
    save_script("script.pt")
    recwarn.clear()
    code, _, err = run(capsys, "script.pt")
    assert (code, err) == (
        2,
        "seqshell: script.pt: no nn.RNN, nn.LSTM or nn.GRU found (no weight_ih_l0 and weight_hh_l0); the file has "
        "weight [2, 2], bias [2]\n",
    )
    assert main(["-m", "./script.pt", "-c", "/info"]) == 3
    assert "script.pt is a TorchScript program (torch.jit.save), whose code is not run; " in capsys.readouterr().err
    assert not recwarn.list


def test_files_that_are_not_read_say_what_they_are(capsys, tmp_path, recwarn):
    (tmp_path / "lfs.pt").write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    (tmp_path / "llama.gguf").write_bytes(b"GGUF\3" + bytes(99))
    for name, code, message in (
        ("lfs.pt", 3, "lfs.pt is a Git LFS pointer"),
        ("llama.gguf", 2, "llama.gguf is a GGUF file"),
    ):
        actual, out, err = run(capsys, name)
        assert (actual, out, err.count("\n")) == (code, "", 1), err
        assert message in err.replace("tests.plugins.", "")
        assert main(["-m", f"./{name}", "-c", "/info"]) == 3
        assert message in capsys.readouterr().err.replace("tests.plugins.", "")
    assert not recwarn.list
