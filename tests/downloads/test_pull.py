"""`seqshell pull` from a server on this machine: what arrives is checked, then gets its name."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys

import numpy as np
import pytest
from safetensors.numpy import save

from seqshell.cli import main
from seqshell.core import paths
from seqshell.downloads import fetching
from seqshell.models.source_record import read_record
from seqshell.testing import tiny_checkpoint


def digest(data):
    return hashlib.sha256(data).hexdigest()


def names():
    """The files in the models folder."""
    folder = paths.folder("models")
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def test_a_model_gets_its_name_and_a_record(server, model, pull, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "shipped", lambda: tmp_path / "none")  # which take long to check
    url = f"{server.url}/tiny.safetensors"
    code, out, err = pull(url)
    path = paths.folder("models") / "tiny.safetensors"

    assert code == 0
    assert out == (
        f"sha256 {digest(model)}, of what was downloaded; nothing vouched for it\n"
        f"wrote {path}; open it with seqshell -m tiny\n"
    )
    assert err.splitlines()[:5] == [
        f"from      {url}",
        "model     character RNN 1x120, 31.4k parameters",
        f"size      127 kB ({len(model):,} bytes)",
        "sha256    not known before the download",
        f"to        {path}",
    ]
    assert "tiny.safetensors: 100 %, 127 kB of 127 kB, " in err
    assert path.read_bytes() == model
    assert names() == ["tiny.safetensors", "tiny.safetensors.json"]
    record = read_record(path)
    assert (record.url, record.revision, record.size) == (url, "", len(model))
    assert (record.sha256, record.vouched_by) == (digest(model), "")
    assert main(["-m", "tiny", "-c", "/feed abc"]) == 0
    assert main(["models", "--check"]) == 0
    assert "as downloaded" in capsys.readouterr().out


def test_the_progress_says_how_much_is_there(server, model, pull, monkeypatch):
    monkeypatch.setattr(fetching, "EVERY", -1.0)
    monkeypatch.setattr(fetching, "BLOCK", 30_000)
    lines = [line for line in pull(f"{server.url}/tiny.safetensors")[2].splitlines() if " %, " in line]
    done = [int(re.search(r": (\d+) %, \d+ kB of 127 kB, ", line)[1]) for line in lines]

    assert len(done) > 4
    assert done == sorted(done)
    assert done[-1] == 100


@pytest.mark.parametrize(("ranges", "says_size"), [(False, True), (True, False), (False, False)])
def test_servers_without_ranges_or_sizes_give_the_same_file(server, model, pull, ranges, says_size):
    server.ranges, server.says_size = ranges, says_size
    assert pull(f"{server.url}/tiny.safetensors?download=1", "--out", "a")[0] == 0
    assert (paths.folder("models") / "a.safetensors").read_bytes() == model


def test_a_header_longer_than_the_first_request_is_read(server, pull, tmp_path):
    path = tiny_checkpoint(tmp_path / "long.safetensors", about="a" * 100_000)
    server.files["/long.safetensors"] = data = path.read_bytes()
    for server.ranges, out in ((True, "a"), (False, "b")):
        assert pull(f"{server.url}/long.safetensors", "--out", out)[0] == 0
        assert (paths.folder("models") / f"{out}.safetensors").read_bytes() == data


def test_the_hash_that_the_user_gives_must_match(server, model, pull):
    url = f"{server.url}/tiny.safetensors"
    wrong = "0" * 64
    code, out, err = pull(url, "--sha256", wrong)
    message = f"tiny.safetensors arrived with the sha256 {digest(model)}, not {wrong}; what arrived was removed"
    assert (code, out, err.splitlines()[-1]) == (3, "", f"seqshell: {message}")
    assert names() == []

    code, out, err = pull(url, "--sha256", digest(model).upper(), "--json")
    assert code == 0
    assert f"sha256    {digest(model)}, as given\n" in err
    assert json.loads(out) == {
        "name": "tiny",
        "path": str(paths.folder("models") / "tiny.safetensors"),
        "is_model": True,
        "bytes": len(model),
        "sha256": digest(model),
        "vouched_by": "user",
        "url": url,
        "revision": "",
    }


@pytest.fixture
def hub(server, model, monkeypatch):
    """The server as Hugging Face."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.add_repository("someone/tiny-lm", model)
    server.redirect("/someone/tiny-lm/resolve/refs%2Fpr%2F1/model.safetensors", "/cdn/someone/tiny-lm")
    server.fields["ETag"] = '"of-the-cdn"'
    return server


def test_a_file_of_a_repository_has_the_hash_that_the_server_says(hub, model, pull):
    code, out, err = pull("hf:someone/tiny-lm/model.safetensors")
    record = read_record(paths.folder("models") / "tiny-lm.safetensors")

    assert code == 0
    assert f"sha256    {digest(model)}, as the server says\n" in err
    assert "revision  c0ffee\n" in err
    assert "nothing vouched" not in out
    assert (record.sha256, record.vouched_by, record.revision) == (digest(model), "server", "c0ffee")
    assert record.url == f"{hub.url}/someone/tiny-lm/resolve/main/model.safetensors"


def test_a_repository_without_a_file_is_asked_for_its_files(hub, pull):
    def listing(*files):
        text = json.dumps({"siblings": [{"rfilename": file} for file in files]}).encode()
        hub.files["/api/models/someone/tiny-lm/revision/refs%2Fpr%2F1"] = text
        hub.files["/api/models/someone/tiny-lm/revision/main"] = text

    listing("README.md", "model.safetensors", "other.safetensors")
    assert pull("hf:someone/tiny-lm@refs%2Fpr%2F1", "--out", "first")[0] == 0
    listing("README.md", "model.safetensors")
    assert pull("hf:someone/tiny-lm")[0] == 0
    assert names() == ["first.safetensors", "first.safetensors.json", "tiny-lm.safetensors", "tiny-lm.safetensors.json"]
    for files, message in {
        ("a.bin",): "someone/tiny-lm has no .safetensors file",
        ("b.safetensors", "a.safetensors"): "someone/tiny-lm has 2 .safetensors files; name one, as in "
        "hf:someone/tiny-lm/FILE: a.safetensors, b.safetensors",
        tuple(f"{number}.safetensors" for number in range(9)): "someone/tiny-lm has 9 .safetensors files; name one, as "
        "in hf:someone/tiny-lm/FILE: 0.safetensors, 1.safetensors, 2.safetensors, 3.safetensors, 4.safetensors, ...",
    }.items():
        listing(*files)
        assert pull("hf:someone/tiny-lm", "--out", "x") == (2, "", f"seqshell: {message}\n")


def test_a_hash_that_the_server_contradicts_is_refused_before_the_download(hub, model, pull):
    code, out, err = pull("hf:someone/tiny-lm/model.safetensors", "--sha256", "0" * 64)
    message = f"the server says that the sha256 is {digest(model)}, not {'0' * 64} as given with --sha256"

    assert (code, out, err) == (3, "", f"seqshell: {message}\n")
    assert all(fields["Range"] == "bytes=0-65535" for _, fields in hub.requests)


def test_the_token_goes_to_the_server_of_the_repository_alone(hub, model, pull, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    target = hub.url.replace("127.0.0.1", "localhost")
    hub.redirect("/someone/tiny-lm/resolve/main/model.safetensors", f"{target}/cdn/someone/tiny-lm")
    assert pull("hf:someone/tiny-lm/model.safetensors")[0] == 0

    sent = {path: fields.get("Authorization") for path, fields in hub.requests}
    assert sent == {"/someone/tiny-lm/resolve/main/model.safetensors": "Bearer secret", "/cdn/someone/tiny-lm": None}


def test_a_file_of_another_program_is_kept_apart_and_import_is_named(server, pull, folder):
    weights = {"rnn.weight_ih_l0": np.zeros((4, 3), np.float32)}
    server.files["/other.safetensors"] = data = save(weights)
    path = paths.folder("downloads") / "other.safetensors"
    url = f"{server.url}/other.safetensors"
    code, out, err = pull(url)

    assert code == 0
    assert out.endswith(f"wrote {path}; it was not written by seqshell: seqshell import {path} makes a model of it\n")
    assert "model     it was not written by seqshell\n" in err
    assert path.read_bytes() == data
    assert names() == []
    message = f"{path} is there already; seqshell import {path} makes a model of it"
    assert pull(url) == (2, "", f"seqshell: {message}\n")
    assert pull(url, "--out", "./here")[0] == 0
    assert paths.named_path("here.safetensors").read_bytes() == data


def test_a_path_is_written_as_it_is_named(server, model, pull, tmp_path):
    _, out, _ = pull(f"{server.url}/tiny.safetensors", "--out", f"{tmp_path}/here.safetensors")
    assert out.endswith(f"wrote {tmp_path}/here.safetensors; open it with seqshell -m {tmp_path}/here.safetensors\n")
    assert (tmp_path / "here.safetensors").read_bytes() == model


class Terminal(io.StringIO):
    """A terminal on which somebody types."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "arguments", "code"), [("y\n", (), 0), ("n\n", (), 1), ("", ("--yes",), 0)])
def test_at_a_terminal_it_asks(server, model, monkeypatch, answer, arguments, code):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")

    assert main(["pull", f"{server.url}/tiny.safetensors", *arguments]) == code
    shown = sys.stderr.getvalue()
    assert ("download it? [y/N] " in shown) == (not arguments)
    assert ("tiny.safetensors.json" in names()) == (code == 0)
    if code:
        assert {fields["Range"] for _, fields in server.requests} == {"bytes=0-65535"}
