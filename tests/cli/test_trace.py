"""`seqshell trace`: the trace of a file from the initial state, as /trace writes it."""

import json

import numpy as np
import pytest

from seqshell.cli import main
from seqshell.testing import tiny_checkpoint


@pytest.fixture
def model(tmp_path):
    (tmp_path / "t.txt").write_text("fade\nbad\n", encoding="utf-8")
    return str(tiny_checkpoint(tmp_path / "tiny.safetensors"))


def run(capsys, *arguments):
    """Exit code, stdout, stderr of `seqshell trace`."""
    code = main(["trace", *arguments])
    return code, *capsys.readouterr()


def test_a_file_is_written_as_arrays(capsys, model):
    code, out, err = run(capsys, "-m", model, "t.txt", "-o", "x.npz", "--what", "hidden,logits", "--lines")
    assert (code, out) == (0, "")
    assert err == "7 tokens from main@0 · surprisal, hidden, logits · written to x.npz\n"
    with np.load("x.npz") as found:
        assert "".join(found["text"]) == "fadebad"
        assert found["line"].tolist() == [1] * 4 + [2] * 3
        assert found["hidden"].shape[:2] == (7, 1)
        assert found["surprisal"][0] == found["surprisal"][4] == pytest.approx(np.log(found["logits"].shape[1]))


def test_without_a_file_the_table_is_printed(capsys, model):
    code, out, _ = run(capsys, "-m", model, "t.txt")
    assert (code, out.splitlines()[1].split()) == (0, ["position", "id", "text", "surprisal"])
    assert len(out.splitlines()) == 2 + len("fade\nbad\n")
    code, out, _ = run(capsys, "-m", model, "t.txt", "--json")
    assert [token["text"] for token in json.loads(out)["tokens"]] == list("fade\nbad\n")
    code, out, _ = run(capsys, "-m", model, "t.txt", "--json", "-o", "x.tsv")
    assert json.loads(out)["tokens"] == 9


def test_what_the_vocabulary_lacks_can_be_left_out(capsys, model, tmp_path):
    (tmp_path / "z.txt").write_text("aZb")
    _, out, err = run(capsys, "-m", model, "z.txt", "-o", "x.npz")
    assert (out, err.count("\n"), (tmp_path / "x.npz").exists()) == ("", 1, False)
    assert err.endswith("; --set unknown=skip leaves such characters out\n")
    code, out, _ = run(capsys, "-m", model, "z.txt", "--json", "--set", "unknown=skip")
    assert (code, [token["text"] for token in json.loads(out)["tokens"]]) == (0, ["a", "b"])


def test_the_tokens_are_written_in_the_formats_of_the_shell(capsys, model, tmp_path):
    _, out, _ = run(capsys, "-m", model, "t.txt")
    code, shown, err = run(capsys, "-m", model, "t.txt", "-o", "x.txt")
    assert (code, shown, err) == (0, "", "9 tokens from main@0 · written to x.txt\n")
    assert (tmp_path / "x.txt").read_text() == out
    _, found, _ = run(capsys, "-m", model, "t.txt", "-o", "x.html", "--json")
    assert json.loads(found)["file"] == "x.html"
    assert (tmp_path / "x.html").read_text().count("<tr>") == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["t.txt", "-o", "x.doc"],
            "unknown ending of x.doc; a file has arrays (.npz, .safetensors), a table (.tsv, .csv)",
        ),
        (
            ["t.txt", "-o", "x.html", "--what", "hidden"],
            "--what and --layer are of arrays: write them to a file, with -o",
        ),
        (["t.txt", "--what", "hidden"], "--what and --layer are of arrays: write them to a file, with -o FILE.npz"),
        (["t.txt", "-o", "x.npz", "--layer", "1"], "the layer of 0 must be 0, not 1"),
        (["t.txt", "-o", "x.npz", "--what", "gate"], "no array 'gate'; available: 0, hidden, logits, surprisal"),
        (["t.txt", "--set", "unknown=maybe"], "unknown must be error or skip, not 'maybe'"),
        (["t.txt", "--set", "pace=3"], "trace has no setting 'pace'; it has unknown and unit"),
        (["none.txt", "-o", "x.npz"], "cannot read none.txt"),
        (["empty.txt", "-o", "x.npz"], "cannot trace an empty text"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(capsys, model, tmp_path, arguments, message):
    (tmp_path / "empty.txt").write_text("")
    code, out, err = run(capsys, "-m", model, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not list(tmp_path.glob("x*"))
