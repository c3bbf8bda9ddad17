"""Looking inside: /top, /score, /state and /info move nothing, and their JSON fields are the promised ones."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pytest

from seqshell.core.events import Data, Score, Table, Top
from seqshell.core.json_values import tidy
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import resolve
from seqshell.models import file
from seqshell.models.saving import save_checkpoint
from seqshell.shell.commands.info import module_tree
from seqshell.testing import tiny_checkpoint, tiny_model, tiny_translation_model
from seqshell.testing.shell import shell_for


@pytest.fixture
def shell():
    shell = shell_for(tiny_model())
    list(shell.handle("/feed abc"))
    return shell


def send(shell, line):
    before = (shell.session.position, shell.session.branch, shell.session.text())
    events = list(shell.handle(line))
    assert (shell.session.position, shell.session.branch, shell.session.text()) == before
    return events


def test_top_shows_the_model_and_the_chain(shell):
    list(shell.handle("/sampler top_k=1"))
    (shown,) = send(shell, "/top 3")
    top = shown.as_json()["top"]

    assert isinstance(shown, Top)
    assert [set(token) for token in top] == [{"id", "text", "logprob", "chain_logprob", "bytes"}] * 3
    assert [token["chain_logprob"] for token in top] == [0.0, -math.inf, -math.inf]
    assert top == sorted(top, key=lambda token: -token["logprob"])


LISTS = ("/models", "/recipes", "/plugins", "/samplers", "/strategies", "/architectures")
TABLES = ("/top 3", "/score de", "/state", "/branches", *LISTS)


def with_file(line, name):
    command, _, text = line.partition(" ")
    return f"{command} -o {name} {text}".rstrip()


@pytest.mark.parametrize("line", TABLES)
def test_a_table_is_written_to_a_file_by_its_ending(shell, folder, line):
    shown, *_ = send(shell, line)  # /models also shows the saved sessions
    names = ("out.csv", "out.tsv", "out.json", "out.txt")
    assert [send(shell, with_file(line, name)) for name in names] == [
        [Data({**shown.as_json(), "file": name})] for name in names
    ]

    columns, *rows = [list(map(tidy, row)) for row in shown.as_rows()]
    expected = [[str("" if cell is None else cell) for cell in row] for row in (columns, *rows)]
    for name, delimiter in (("out.csv", ","), ("out.tsv", "\t")):
        with Path(name).open(newline="") as file:
            assert list(csv.reader(file, delimiter=delimiter)) == expected
    assert json.loads(Path("out.json").read_text()) == json.loads(json.dumps(tidy(shown.as_json())))
    assert Path("out.txt").read_text() == shown.as_text() + "\n"


def test_score_agrees_with_the_probabilities_of_top(shell):
    (shown,) = send(shell, "/score de")
    values = shown.as_json()

    assert isinstance(shown, Score)
    assert {"logprob", "nats", "bits_per_char", "perplexity", "bits", "tokens"} < set(values)
    assert [(token["text"], token["bytes"]) for token in values["tokens"]] == [("d", [100]), ("e", [101])]
    assert all(token["surprisal_nats"] == -token["logprob"] for token in values["tokens"])
    assert values["logprob"] == pytest.approx(sum(token["logprob"] for token in values["tokens"]))
    assert values["perplexity"] == pytest.approx(math.exp(values["nats"]))
    assert values["bits_per_char"] == pytest.approx(values["nats"] / math.log(2))
    assert values["tokens"][0]["logprob"] == pytest.approx(
        next(token.log_prob for token in shell.session.top(9).tokens if token.text == "d")
    )


def test_the_unit_changes_what_people_see_and_no_json(shell):
    lines = ("/score de", "/state diff zero here")
    in_nats = [send(shell, line)[0] for line in lines]
    send(shell, "/set unit bits")
    in_bits = [send(shell, line)[0] for line in lines]

    assert [event.as_json() for event in in_bits] == [event.as_json() for event in in_nats]
    assert "nats" not in "".join(event.as_text() for event in in_bits)
    score, difference = in_nats
    assert f"{-score.log_prob / math.log(2):.4f} bits" in in_bits[0].as_text()
    assert f"divergence {difference.divergence / math.log(2):.4f} bits" in in_bits[1].as_text()
    (_, *nats), (_, *bits) = ([row[3:] for row in event.as_rows()] for event in (in_nats[0], in_bits[0]))
    assert [value for row in bits for value in row] == pytest.approx(
        [value / math.log(2) for row in nats for value in row]
    )


def test_state_shows_position_branch_and_snapshots(shell):
    (table,) = send(shell, "/state")
    rows = dict(table.rows)

    assert isinstance(table, Table)
    assert rows["position"] == 3
    assert rows["branch"] == "main"
    assert "kept" in rows["snapshots"]


def test_info_reads_the_parts_from_the_file(tmp_path):
    shell = shell_for()
    shell.open(tiny_checkpoint(tmp_path / "small.safetensors"))
    text, data = shell.handle("/info")

    assert data == Data(
        {
            "model": "small",
            "task": "generate",
            "architecture": "rnn",
            "owner": "recurrent",
            "parameters": 314,
            "vocabulary": 10,
            "fingerprint": shell.session.model.fingerprint,
            "backend": "numpy",
            "threads": 1,
            "weights": "float32",
        }
    )
    lines = [" ".join(line.split()) for line in text.as_text().split("\n")]
    assert "embedding.weight [10, 8] 80" in lines
    assert "recurrent.0 144" in lines
    assert "weight_hh_l0 [8, 8] 64" in lines
    assert "state [1, 8] float32 32 bytes" in lines
    assert "summary character RNN 1x8, 314 parameters" in lines  # as in the greeting and after /load
    assert "tokenizer char, vocabulary of 10" in lines
    assert "data name random numbers" in lines
    assert any(line.startswith("source") and line.endswith("language_models.py") for line in lines)


def test_info_says_that_a_model_runs_in_torch_and_why(tmp_path):
    path = tiny_checkpoint(tmp_path / "small.safetensors")
    header, weights = file.read(path)
    file.write(path, {**header, "runs_in_torch": "its decoder fails: IndexError: no such row"}, weights)
    shell = shell_for()
    shell.open(path)
    text, data = shell.handle("/info")

    lines = [" ".join(line.split()) for line in text.as_text().split("\n")]
    assert "runs in torch its decoder fails: IndexError: no such row" in lines
    assert data.as_json()["runs_in_torch"] == "its decoder fails: IndexError: no such row"
    assert [event.text for event in shell.handle("/feed ab")] == []
    assert shell.session.position == 2


def test_info_shows_that_an_lstm_is_four_rnns_and_a_gru_three_and_where_they_are_written(tmp_path):
    """Read off the lines of the recurrent layers, as a user does; the cells written out show the gates by name."""
    tokenizer, found, source = CharTokenizer("\n abcdefgh"), {}, {}
    for name in ("rnn", "lstm", "gru", "lstm_cell"):
        shell = shell_for()
        offered = shell.registry.architectures[name]
        module = resolve(offered.model)(
            resolve(offered.config)(tokenizer.size, embed_size=6, hidden_size=8, num_layers=1)
        )
        path = tmp_path / f"{name}.safetensors"
        shell.open(
            save_checkpoint(path, architecture=name, module=module, tokenizer=tokenizer, registry=shell.registry)
        )
        text, _ = shell.handle("/info")
        rows = [line.split() for line in text.as_text().splitlines() if line]
        found[name] = {
            row[0]: int(row[-1].replace(",", ""))
            for row in rows
            if row[0].startswith(("recurrent", "cells", "W_", "U_", "b_"))
        }
        source[name] = next(row[1] for row in rows if row[0] == "source")

    assert found["lstm"]["recurrent.0"] == 4 * found["rnn"]["recurrent.0"] == 4 * (8 * 6 + 8 * 8 + 8 + 8)
    assert found["gru"]["recurrent.0"] == 3 * found["rnn"]["recurrent.0"]
    gates = {f"{part}_{gate}": size for gate in "ifgo" for part, size in (("W", 48), ("U", 64), ("b", 8))}
    assert found["lstm_cell"] == {"cells.0": 4 * (48 + 64 + 8), **gates}
    assert [Path(source[name]).name for name in ("lstm", "lstm_cell")] == ["language_models.py", "cells.py"]


def test_info_describes_a_model_without_a_file(shell):
    text, data = send(shell, "/info")

    assert data.values["model"] == "tiny"
    assert "parameters" in text.as_text()


def test_parts_of_a_module_are_summed_and_single_parts_joined():
    shapes = {
        "body.0.weight": (2, 3),
        "body.0.bias": (2,),
        "body.1.weight": (2, 2),
        "readout.weight": (5, 2),
        "scale": (),
    }

    assert module_tree(shapes) == [
        ("body", "", "12"),
        ("  0", "", "8"),
        ("    weight", "[2, 3]", "6"),
        ("    bias", "[2]", "2"),
        ("  1.weight", "[2, 2]", "4"),
        ("readout.weight", "[5, 2]", "10"),
        ("scale", "[]", "1"),
    ]


def test_a_state_with_more_rows_than_layers_has_one_norm():
    """The encoded source has a row for each of its tokens."""
    shell = shell_for(tiny_translation_model(), seed=7)
    list(shell.handle("i love the cat . " * 3))
    (table,) = send(shell, "/state")
    rows = dict(table.rows)
    assert re.fullmatch(r"16 x 8 float32, norm [\d.]+", rows["state.encoded"])
    assert rows["state.mask"] == f"16 bool, {'True, ' * 8}..."
