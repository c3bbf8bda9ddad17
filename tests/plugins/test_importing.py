"""`seqshell import` with the built-in importer: torch's own modules go in, and the same logits come out."""

import json

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
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEQSHELL_PLUGINS", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.toml").write_text(MAP)
    torch.manual_seed(3)


class Theirs(nn.Module):
    """As torch's examples write it."""

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


def run(capsys, *words):
    """Exit code, stdout, stderr."""
    code = main(["import", *words])
    return code, *capsys.readouterr()


def logits(name):
    """What the imported model gives after each token: [T, V]."""
    decoder = seqshell.open(name, registry=load_registry()).model.decoder
    state, found = decoder.initial_state(1), []
    for token in TOKENS[0].numpy():
        outputs, state = decoder.step(np.array([token]), state)
        found.append(outputs[0])
    return np.array(found)


def check_same(capsys, module, *words):
    """`seqshell import` succeeds, and the checkpoint's logits are the module's."""
    code, _, err = run(capsys, *words, "--out", "ours")
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
def test_torchs_modules_give_the_same_logits_without_names_being_mapped(capsys, cell, settings):
    module = Theirs(cell, **settings)
    torch.save(module.state_dict(), "theirs.pt")
    check_same(capsys, module, "theirs.pt", "--map", "map.toml", "--allow-pt")
    save_model(module, "theirs.safetensors")  # which stores a shared matrix once
    check_same(capsys, module, "theirs.safetensors", "--map", "map.toml")


def test_a_nonlinearity_which_no_weight_shows_comes_from_the_map(capsys, tmp_path):
    module = Theirs(nn.RNN, nonlinearity="relu")
    save_file(module.state_dict(), "theirs.safetensors")
    (tmp_path / "map.toml").write_text(MAP + '[config]\nnonlinearity = "relu"\n')
    check_same(capsys, module, "theirs.safetensors", "--map", "map.toml")


def test_double_and_half_precision_become_single(capsys):
    module = Theirs(nn.GRU).bfloat16()
    save_file(module.state_dict(), "theirs.safetensors")
    check_same(capsys, module.float(), "theirs.safetensors", "--map", "map.toml")


class Odd(nn.Module):
    """One-layer networks on top of each other, square all over, no bias at the end, and a weight that is not the model's."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(V, V)
        self.lower = nn.GRU(V, V, batch_first=True)
        self.upper = nn.GRU(V, V, batch_first=True)
        self.output = nn.Linear(V, V, bias=False)
        self.unrelated = nn.Linear(3, 3)

    def forward(self, tokens):
        return self.output(self.upper(self.lower(self.table(tokens))[0])[0])


def test_a_map_says_what_names_and_shapes_leave_open_one_line_at_a_time(capsys, tmp_path):
    module = Odd()
    torch.save({"epoch": 1, "ema": module.state_dict(), "model": module.state_dict()}, "odd.pt")
    steps = [
        ("which entry holds the weights? [weights] inside = 'ema' or 'model'", 'inside = "model"'),
        ("[weights] recurrent = ['lower', 'upper'] says which, from the bottom up", 'recurrent = ["lower", "upper"]'),
        ("unrelated.bias [3], unrelated.weight [3, 3]; [weights] ignore = [...]", 'ignore = ["unrelated"]'),
        (
            "table.weight [7, 7], output.weight [7, 7] may be one or the other",
            'embedding = "table"\nreadout = "output"',
        ),
    ]
    weights = "[weights]\n"
    for wanted, line in steps:
        (tmp_path / "map.toml").write_text(weights + MAP)
        code, _, err = run(capsys, "odd.pt", "--map", "map.toml", "--allow-pt")
        assert (code, err.count("\n")) == (2, 1)
        assert wanted in err
        weights += line + "\n"
    (tmp_path / "map.toml").write_text(weights + MAP)
    check_same(capsys, module, "odd.pt", "--map", "map.toml", "--allow-pt")


def test_cells_are_read_too_and_numbered_modules_lie_in_their_order(capsys):
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
def test_a_vocabulary_is_also_a_list_an_object_or_a_training_text(capsys, tmp_path, text, table):
    save_file(Theirs(nn.GRU).state_dict(), "theirs.safetensors")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "map.toml").write_text(f"[tokenizer]\n{table}\n[defaults]\nmax_tokens = 5\n")
    (tmp_path / "maps" / "vocab").write_text(text)
    assert run(capsys, "theirs.safetensors", "--map", "maps/map.toml")[0] == 0
    model = seqshell.open("theirs").model
    assert model.tokenizer.vocabulary == ("abcdefg" if "text" in table else "cabdefg")
    assert model.header["defaults"] == {"max_tokens": 5}


def test_256_tokens_are_bytes_where_nothing_else_is_said(capsys):
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
    """Random weights of these shapes."""
    save_file({name: torch.randn(shape) for name, shape in weights.items()}, path)


GRU = {"rnn.weight_ih_l0": (18, 5), "rnn.weight_hh_l0": (18, 6)}
ENDS = {"encoder.weight": (7, 5), "decoder.weight": (7, 6)}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            {"fc.weight": (3, 3)},
            "it holds no nn.RNN, nn.LSTM or nn.GRU (no weight_ih_l0 and weight_hh_l0); it holds fc.weight [3, 3]",
        ),
        (GRU, "it needs an embedding [V, 5] (none where tokens are one-hot) and a read-out [V, 6], V tokens"),
        (GRU | {"encoder.weight": (7, 5), "decoder.weight": (2, 6)}, "it needs an embedding [V, 5]"),
        (
            GRU | ENDS | {"norm.weight": (6,)},
            "no part of a language model of gru layers is norm.weight [6]; [weights] ignore = [...]",
        ),
        (GRU | ENDS | {"rnn.weight_ih_l0_reverse": (18, 5)}, "rnn.weight_ih_l0_reverse reads backwards"),
        (GRU | ENDS | {"rnn.weight_hr_l0": (4, 6)}, "rnn.weight_hr_l0 is a projection"),
        (GRU | ENDS | {"rnn.weight_ih_l2": (18, 6)}, "the layer 1 of 'rnn' has no weight_ih_l1"),
        (
            ENDS | {"rnn.weight_ih_l0": (12, 5), "rnn.weight_hh_l0": (12, 6)},
            "rnn.weight_hh_l0 [12, 6] is of no nn.RNN, nn.LSTM or nn.GRU",
        ),
        (ENDS | {"rnn.weight_ih_l0": (18, 5), "rnn.weight_hh_l0": (12, 6)}, "are no weights of one recurrent layer"),
        (ENDS | {"rnn.weight_ih_l0": (0, 5), "rnn.weight_hh_l0": (0, 0)}, "are no weights of one recurrent layer"),
        (GRU | ENDS | {"rnn.bias_ih_l0": (4,)}, "rnn.bias_ih_l0 [4] does not fit rnn.weight_hh_l0 [18, 6]"),
        (GRU | ENDS | {"rnn.weight_ih_l1": (12, 6), "rnn.weight_hh_l1": (12, 4)}, "all layers of a model are alike"),
        (
            GRU | {"encoder.weight": (8, 5), "decoder.weight": (8, 6)},
            "the weights are for 8 tokens, and the char tokenizer has 7",
        ),
    ],
)
def test_weights_that_are_no_language_model_are_refused_in_one_line_that_says_why(capsys, weights, message):
    save("theirs.safetensors", weights)
    code, out, err = run(capsys, "theirs.safetensors", "--map", "map.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the weights do not say which 7 tokens they are for: --map MAP.toml does, with [tokenizer]"),
        ("=", "map.toml is not TOML"),
        ("tokenizer = 3", "map.toml: tokenizer is a table, [tokenizer] with its keys below it, not 3"),
        ("[tokenizer]", 'char needs one of vocabulary = "abc..."'),
        (
            '[tokenizer]\nvocabulary = "aa"',
            "[tokenizer] of a map: the character tokenizer needs a vocabulary of different characters",
        ),
        ('[tokenizer]\nname = "nope"', "it needs the tokenizer 'nope', which no plugin offers"),
        ('[tokenizer]\nfile = "nope"', "cannot read nope: No such file"),
        ('[tokenizer]\nfile = "map.toml"', "map.toml is no JSON"),
        ('[tokenizer]\nfile = "words.json"', "words.json: the token 1 is 'the', and char has single characters"),
        ('[tokenizer]\nfile = "gap.json"', "gap.json: the characters' numbers must be 0 to 1, each once"),
        (MAP + "[defaults]\nmax_tokens = true", "[defaults] max_tokens = True"),
        (MAP + "[weight]", "the importer state_dict knows no 'weight' in a map"),
        (MAP + "[weights]\nrnn = 'rnn'", "[weights] of a map has no 'rnn'; there is recurrent, embedding"),
        (MAP + "[weights]\nrecurrent = []", "[weights] recurrent cannot be []"),
        (
            MAP + "[weights]\nrecurrent = 'lstm'",
            "[weights] recurrent: 'lstm' is no recurrent module of it; there is 'rnn'",
        ),
        (
            MAP + "[weights]\nembedding = 'nope'",
            "[weights] embedding: it holds no 'nope'; it holds decoder.bias [7], decoder.weight",
        ),
        (MAP + "[weights]\nignore = ['nope']", "[weights] ignore: it holds no 'nope'"),
        ("importer = 'state'\n" + MAP, "no importer 'state'; did you mean state_dict?"),
    ],
)
def test_maps_that_cannot_be_used_are_refused_in_one_line(capsys, tmp_path, text, message):
    save_file(Theirs(nn.GRU).state_dict(), "theirs.safetensors")
    (tmp_path / "words.json").write_text('["a", "the"]')
    (tmp_path / "gap.json").write_text('{"a": 0, "b": 2}')
    (tmp_path / "map.toml").write_text(text)
    code, out, err = run(capsys, "theirs.safetensors", "--map", "map.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "home" / "models" / "theirs.safetensors").exists()


def test_settings_that_the_architecture_lacks_or_that_mean_other_weights_are_refused(capsys, tmp_path):
    save_file(Theirs(nn.GRU).state_dict(), "theirs.safetensors")
    for table, message in (
        ("nonlinearity = 'relu'", "has no setting 'nonlinearity'"),
        ("hidden_size = 9", "do not fit the architecture gru"),
    ):
        (tmp_path / "map.toml").write_text(f"{MAP}[config]\n{table}\n")
        code, _, err = run(capsys, "theirs.safetensors", "--map", "map.toml")
        assert (code, err.count("\n")) == (3, 1)
        assert message in err


class Code:
    """Runs when it is unpickled by one who lets it."""

    def __reduce__(self):
        return open, ("ran", "w")


def test_a_pickle_is_read_only_when_allowed_and_never_runs_code(capsys, tmp_path):
    module = Theirs(nn.GRU)
    torch.save(module.state_dict(), "fine.pt")
    torch.save({"model": module.state_dict(), "extra": Code()}, "evil.pt")
    torch.save([1, 2], "list.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "fine.pt").read_bytes()[:900])
    for name, code, message in (
        ("fine.pt", 2, "fine.pt may hold more than weights: --allow-pt reads the weights in it"),
        ("evil.pt", 3, "evil.pt: it is damaged, or holds more than weights"),
        ("list.pt", 3, "list.pt: it holds no weights by name"),
        ("cut.pt", 3, "cut.pt: torch cannot read it"),
    ):
        words = ["--map", "map.toml", *([] if name == "fine.pt" else ["--allow-pt"])]
        found, out, err = run(capsys, name, *words)
        assert (found, out, err.count("\n")) == (code, "", 1), err
        assert message in err
    assert not (tmp_path / "ran").exists()


def test_a_pickle_that_claims_more_numbers_than_it_holds_is_refused(capsys):
    size = 20_000
    claimed = {
        "rnn.weight_ih_l0": (3 * 6, 5),
        "rnn.weight_hh_l0": (3 * 6, 6),
        "encoder.weight": (size, 5),
        "decoder.weight": (size, 6),
    }
    torch.save({name: torch.zeros(1).expand(shape) for name, shape in claimed.items()}, "thin.pt")
    code, _, err = run(capsys, "thin.pt", "--map", "map.toml", "--allow-pt")
    assert (code, err.count("\n")) == (3, 1)
    assert "thin.pt: encoder.weight is said to have 100,000 numbers, more than the file holds" in err


def test_files_that_are_no_foreign_model_are_refused_in_one_line(capsys, tmp_path):
    (tmp_path / "rubbish.safetensors").write_bytes(b"rubbish")
    (tmp_path / "notes.txt").write_text("no weights")
    save("whole.safetensors", GRU | ENDS)
    nothing = {name: torch.full(shape, torch.nan) for name, shape in (GRU | ENDS).items()}
    save_file(nothing, "nan.safetensors")
    save_file(nothing | {"rnn.weight_ih_l0": torch.ones(18, 5, dtype=torch.int8)}, "int.safetensors")
    assert run(capsys, "whole.safetensors", "--map", "map.toml", "--out", "./ours.safetensors")[0] == 0
    for words, code, message in (
        (["nope.pt"], 2, "no file 'nope.pt'"),
        (["rubbish.safetensors"], 3, "rubbish.safetensors: it cannot be read as safetensors"),
        (["notes.txt"], 2, "notes.txt is no model file that seqshell knows: no importer does (state_dict)"),
        (["."], 2, "--out NAME"),
        (["int.safetensors", "--map", "map.toml"], 3, "int.safetensors: rnn.weight_ih_l0 holds int8"),
        (["nan.safetensors", "--map", "map.toml"], 3, "holds values that are no finite float32"),
        (["ours.safetensors"], 2, "it is a checkpoint of seqshell already"),
        (["whole.safetensors", "--map", "map.toml", "--out", "./whole.safetensors"], 2, "is the file that is imported"),
        (["whole.safetensors", "--map", "map.toml", "--out", "a b"], 2, "cannot be a name"),
        (["whole.safetensors", "--map", "nope.toml"], 2, "cannot read nope.toml"),
    ):
        found, out, err = run(capsys, *words)
        assert (found, out, err.count("\n")) == (code, "", 1), (words, err)
        assert message in err


def test_a_name_that_is_taken_is_replaced_only_by_its_own_word(capsys):
    save("whole.safetensors", GRU | ENDS)
    words = ["whole.safetensors", "--map", "map.toml"]
    assert run(capsys, *words)[0] == 0
    assert "you have a model whole already: --out NAME chooses another name" in run(capsys, *words)[2]
    assert run(capsys, *words, "--out", "whole")[0] == 0


OTHER = """
import json, numpy as np, seqshell
from seqshell.core.tokenizers import CharTokenizer

def read(path, options):
    print("reading")
    if path.suffix != ".json":
        return None
    found = json.loads(path.read_text())
    if found == "bug":
        raise KeyError("bug")
    if found == "garbage":
        return 3
    if found == "exit":
        raise SystemExit
    if found == "fault":
        raise seqshell.CheckpointError("it has no weights")
    weights = {name: np.full(shape, 0.1, np.float32) for name, shape in found.items()}
    config = {"vocab_size": 3, "embed_size": 0, "hidden_size": 2, "num_layers": 1}
    return seqshell.ForeignModel(seqshell.Task.GENERATE, "gru", config, weights, CharTokenizer("abc"), {"max_tokens": 4}, "from JSON")

read.name = "json"

@seqshell.hookimpl
def seqshell_importers():
    yield read
"""


def test_a_plugins_importer_is_asked_first_and_its_faults_are_its_own(capsys, tmp_path):
    (tmp_path / "other.py").write_text(OTHER)
    layer = {"weight_ih": (6, 3), "weight_hh": (6, 2), "bias_ih": (6,), "bias_hh": (6,)}
    fine = {f"recurrent.0.{part}_l0": shape for part, shape in layer.items()} | {
        "readout.weight": (3, 2),
        "readout.bias": (3,),
    }
    for content, code, message in (
        (fine, 0, "reading\n"),
        (fine | {"readout.bias": (4,)}, 3, "readout.bias"),
        ("fault", 3, "it has no weights"),
        ("bug", 2, "the plugin other: the importer json failed at m.json: KeyError: 'bug'\n"),
        ("exit", 2, "it called sys.exit"),
        ("garbage", 2, "it returned a int, not a seqshell.ForeignModel or None"),
    ):
        (tmp_path / "m.json").write_text(json.dumps(content))
        found, out, err = run(capsys, "m.json", "-p", "other.py", "--out", "m")
        assert (found, bool(out)) == (code, code == 0), err
        assert message in err
    header = seqshell.open("m").model.header
    assert (header["about"], header["defaults"]) == ("from JSON", {"max_tokens": 4})
    save("theirs.safetensors", GRU | ENDS)
    assert run(capsys, "theirs.safetensors", "--map", "map.toml", "-p", "other.py")[0] == 0
