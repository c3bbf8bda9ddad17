"""`seqshell show`: what a model's file says about it, with its size and hash."""

from __future__ import annotations

import hashlib
import json

import pytest

from seqshell.cli import main
from seqshell.core import paths
from seqshell.models import file
from seqshell.models.source_record import SourceRecord, record_path, write_record
from seqshell.testing import tiny_checkpoint, tiny_classification_checkpoint, tiny_forecast_checkpoint


def run(capsys, *arguments):
    """Run `seqshell show`. Returns the exit code, stdout and stderr."""
    code = main(["show", *arguments])
    return code, *capsys.readouterr()


def rows(out):
    """The rows by name."""
    return dict(line.split("  ", 1) for line in out.splitlines() if line)


def with_fields(path, **fields):
    """The same model with other fields in its header."""
    header, weights = file.read(path)
    file.write(path, {key: value for key, value in header.items() if key != "format"} | fields, weights)
    return path


@pytest.fixture
def checkpoint(folder):
    path = tiny_checkpoint(
        folder / "tiny.safetensors", about="Writes.\x1b[2J", examples=("abc",), defaults={"max_tokens": 5}
    )
    metrics = {"nats": {"carry": 1.25}, "bits": 1.8034}
    return with_fields(path, provenance={"seed": 3, "data": {"name": "a.txt"}, "metrics": metrics, "recipe": "long"})


def test_models_that_a_model_was_made_of_are_their_names(capsys, checkpoint):
    a, b = ({"name": name, "fingerprint": name * 32} for name in "ab")
    made = {"parent": a, "teacher": {"name": "a+b", "fingerprint": "c" * 64, "members": [a, b]}, "averaged": [a, b]}
    with_fields(checkpoint, provenance=made)
    _, out, _ = run(capsys, "./tiny.safetensors")
    found = {name: value.strip() for name, value in rows(out).items()}
    assert [found[name] for name in made] == ["a", "a+b", "a, b"]
    _, out, _ = run(capsys, "./tiny.safetensors", "--json")
    assert json.loads(out)["provenance"] == made


def test_card_figures_origin_and_file_are_shown(capsys, checkpoint):
    code, out, _ = run(capsys, "./tiny.safetensors")
    found = {name: value.strip() for name, value in rows(out).items()}

    assert code == 0
    assert found == {
        "model": "tiny (generate)",
        "summary": "character RNN 1x8, 314 parameters, 1.25 nats",
        "about": "Writes.^[[2J",
        "architecture": "rnn from recurrent",
        "settings": found["settings"],
        "tokenizer": "char",
        "parameters": "314",
        "defaults": "max_tokens 5",
        "examples": "'abc'",
        "nats": "carry 1.25",
        "bits": "1.803",
        "seed": "3",
        "data": "name a.txt",
        "file": str(checkpoint.relative_to(checkpoint.parent)),
        "size": f"{checkpoint.stat().st_size:,} bytes",
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    assert "hidden_size 8" in found["settings"]
    assert out.count("\n\n") == 3


def test_json_has_the_same(capsys, checkpoint):
    code, out, _ = run(capsys, str(checkpoint), "--json")
    found = json.loads(out)

    assert code == 0
    assert found["model"] == "tiny"
    assert (found["task"], found["architecture"], found["parameters"]) == ("generate", "rnn", 314)
    assert found["config"]["hidden_size"] == 8
    assert found["provenance"]["metrics"]["nats"] == {"carry": 1.25}
    assert found["examples"] == ["abc"]
    assert (found["owner"], found["downloaded"]) == ("", None)
    assert (found["bytes"], found["sha256"]) == (
        checkpoint.stat().st_size,
        hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    )


def test_labels_and_columns_are_shown(capsys, folder):
    tiny_classification_checkpoint(folder / "labels.safetensors")
    tiny_forecast_checkpoint(folder / "series.safetensors")
    names = file.read_header("labels.safetensors")["labels"]

    assert rows(run(capsys, "./labels.safetensors")[1])["labels"].strip() == f"{len(names)} labels: {', '.join(names)}"
    assert rows(run(capsys, "./series.safetensors")[1])["series"].strip().startswith("1 column: ")
    with_fields(folder / "labels.safetensors", labels=[f"label{number}" for number in range(30)])
    assert run(capsys, "./labels.safetensors")[1].count("label1") == 11
    assert "30 labels: label0, label1, " in run(capsys, "./labels.safetensors")[1]


def test_a_shipped_model_and_one_of_yours_say_whose_they_are(capsys, folder):
    models = paths.folder("models")
    models.mkdir(parents=True)
    tiny_checkpoint(models / "mine.safetensors")

    assert "owner   ships with seqshell\n" in run(capsys, "python-tags")[1]
    assert "owner   your models folder\n" in run(capsys, "mine")[1]


@pytest.mark.parametrize(
    ("by", "hash", "shown"),
    [
        ("user", "", "as given with --sha256"),
        ("server", "", "as the server said before the download"),
        ("", "", "of what was downloaded; nothing vouched for it"),
        ("server", "0" * 64, f"not that of the download, {'0' * 64}"),
    ],
)
def test_a_downloaded_model_says_from_where_and_who_vouched_for_its_hash(capsys, checkpoint, by, hash, shown):
    hash = hash or hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    record = SourceRecord("https://example.org/tiny.safetensors", "c0ffee", checkpoint.stat().st_size, hash, by)
    write_record(checkpoint, record)
    found = {name: value.strip() for name, value in rows(run(capsys, str(checkpoint))[1]).items()}

    assert (found["downloaded"], found["revision"], found["hash"]) == (record.url, "c0ffee", shown)
    assert json.loads(run(capsys, str(checkpoint), "--json")[1])["downloaded"] == vars(record)


def test_what_is_no_model_is_one_line(capsys, folder, checkpoint):
    (folder / "page.safetensors").write_text("<!DOCTYPE html><html>")
    main(["-m", "./tiny.safetensors", "-c", "/feed abc", "-c", "/save ./saved.safetensors"])
    record_path(checkpoint).write_text("[]")
    for word, message in {
        "none": "no model 'none'; available: ",
        "./none.safetensors": "no file './none.safetensors'",
        "./page.safetensors": "page.safetensors is a web page",
        "./saved.safetensors": "saved.safetensors is a saved session, not a model; /restore ./saved.safetensors",
        "./tiny.safetensors": "tiny.safetensors.json is not JSON: it is not an object; remove it to forget the hash",
    }.items():
        code, out, err = run(capsys, word)
        assert (code, out, err.count("\n")) == (3, "", 1)
        assert err.startswith(f"seqshell: {message}")


def test_fields_of_wrong_types_are_left_out(capsys, checkpoint):
    with_fields(checkpoint, provenance={"metrics": 5}, labels=[], defaults={}, series={"columns": 7}, examples=[3])
    code, out, _ = run(capsys, str(checkpoint))

    assert code == 0
    assert not {"nats", "metrics", "labels", "series", "examples", "defaults"} & rows(out).keys()
