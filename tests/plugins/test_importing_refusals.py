"""`seqshell import` refuses in one line: other models, maps that do not fit, damaged and dangerous files."""

import warnings

import pytest
import torch
from safetensors.torch import save_file
from tests.plugins.imported_models import GRU, LETTERS, MAP, OUTER, E, H, V, WordModel, check_same, run, save
from torch import nn

from seqshell.cli import main

pytestmark = pytest.mark.usefixtures("folder_with_map")


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
