"""`seqshell models --check`: every file is read, opened, and compared with the hash of its download."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from seqshell.cli import main
from seqshell.core import paths
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.checking import check_model
from seqshell.models.source_record import SourceRecord, read_record, record_path, write_record
from seqshell.testing import tiny_checkpoint


def run(capsys, *arguments):
    """Run `seqshell models --check`. Returns the exit code, stdout and stderr."""
    code = main(["models", "--check", *arguments])
    return code, *capsys.readouterr()


@pytest.fixture
def models(monkeypatch, tmp_path):
    """The models folder, with the model `good`. None are shipped."""
    monkeypatch.setattr(paths, "shipped", lambda: tmp_path / "none")
    models = paths.folder("models")
    models.mkdir(parents=True)
    tiny_checkpoint(models / "good.safetensors")
    return models


def record_of(path, **changes):
    """The record of a file that was downloaded as it is, with changes."""
    data = path.read_bytes()
    values = {"url": "https://example.org/a", "revision": "", "vouched_by": "server"}
    return SourceRecord(**values | {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} | changes)


def test_files_that_are_fine_are_listed_with_exit_code_0(capsys, models):
    path = tiny_checkpoint(models / "pulled.safetensors")
    write_record(path, record_of(path))
    code, out, err = run(capsys)

    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["model", "size", "sha256", "check"],
        ["good", "2", "kB", "-", "ok"],
        ["pulled", "2", "kB", "as", "downloaded", "ok"],
    ]
    assert err.startswith("checking: 0 %, good\n")


def test_each_damaged_file_says_what_is_wrong_and_the_exit_code_is_3(capsys, models):
    header, weights = file.read(models / "good.safetensors")
    data = (models / "good.safetensors").read_bytes()
    (models / "cut.safetensors").write_bytes(data[:-1])
    (models / "empty.safetensors").write_bytes(b"")
    (models / "nan.safetensors").write_bytes(data[:-4] + np.float32(np.nan).tobytes())
    file.write(models / "other.safetensors", {**header, "architecture": "zzz", "owner": "zed"}, weights)
    file.write(models / "shape.safetensors", header, {**weights, "readout.bias": np.zeros(3, np.float32)})
    changed = tiny_checkpoint(models / "changed.safetensors", seed=1)
    write_record(changed, record_of(changed, sha256="0" * 64))
    listed = tiny_checkpoint(models / "listed.safetensors")
    record_path(listed).write_text('{"url": "a", "revision": "", "size": 1, "sha256": "x", "vouched_by": ""}')
    (models / "gone.safetensors").symlink_to("nowhere")
    code, out, _ = run(capsys, "--json")
    found = json.loads(out)
    problems = {each["name"]: each["problem"] for each in found["models"]}

    assert (code, found["problems"]) == (3, 8)
    assert problems == {
        "changed": "it is not what was downloaded: its sha256 is another one; remove it and pull it again",
        "cut": problems["cut"],
        "empty": "empty.safetensors is empty; copy or download it again",
        "gone": f"cannot read {models / 'gone.safetensors'}: No such file or directory",
        "good": "",
        "listed": "listed.safetensors.json: 'sha256' is missing or wrong; remove it to forget the hash",
        "nan": problems["nan"],
        "other": problems["other"],
        "shape": "shape.safetensors: the tensor readout.bias is [3]; the config requires [10]",
    }
    assert problems["cut"].startswith("cut.safetensors is truncated or damaged: its tensors need ")
    assert problems["nan"].startswith("nan.safetensors is damaged: 1 of the ")
    assert problems["other"].startswith("other.safetensors needs the architecture 'zzz'")
    assert run(capsys)[0] == 3
    assert "changed  2 kB     differs  it is not what was downloaded" in run(capsys)[1]


def test_a_record_with_fields_of_wrong_types_is_named(models):
    path = models / "good.safetensors"
    for text, message in {
        "{": "is not JSON: ",
        "{}": "'url' is missing or wrong",
        '{"url": "", "revision": "", "size": true, "sha256": "", "vouched_by": ""}': "'size' is missing or wrong",
    }.items():
        record_path(path).write_text(text)
        problem = check_model("good", path, load_registry(Policy(no_plugins=True))).problem
        assert problem.startswith("good.safetensors.json")
        assert message in problem


def test_a_model_that_is_written_again_is_no_longer_a_download(capsys, models):
    path = models / "good.safetensors"
    write_record(path, record_of(path))
    tiny_checkpoint(path, seed=2)

    assert read_record(path) is None
    assert run(capsys)[0] == 0


def test_check_is_for_the_list(capsys, models):
    message = "seqshell: --check is for the list: seqshell models --check\n"
    assert main(["models", "clean", "--check"]) == 2
    assert capsys.readouterr().err == message


def test_an_option_may_be_anywhere_among_the_arguments(folder, home, capsys):
    for name in ("one", "other"):
        (folder / name).mkdir()
    orders = (
        ["clean", "--json", "one", "other"],
        ["--json", "clean", "one", "other"],
        ["clean", "one", "--json", "other"],
        ["clean", "one", "other", "--json"],
    )
    for arguments in orders:
        assert main(["models", *arguments]) == 0
        assert capsys.readouterr().out == '{"removed":[],"bytes":0}\n'
    assert main(["models", "clean", "one", "--jsn", "other"]) == 2
    assert "unrecognized arguments: --jsn; did you mean --json?" in capsys.readouterr().err
