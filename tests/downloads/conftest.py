"""A server on this machine with a small model, and `seqshell pull` as a test calls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.downloads.file_server import Server, serving
from tests.downloads.models_folder import names

from seqshell.cli import main
from seqshell.downloads import transport
from seqshell.testing import tiny_checkpoint


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """The server, which has no files yet."""
    monkeypatch.setattr(transport, "TIMEOUT", 5.0)
    for name in ("HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serving() as known:
        yield known


@pytest.fixture
def model(server, tmp_path):
    """The bytes of a model of 127 kB, which the server has as /tiny.safetensors."""
    path = tiny_checkpoint(tmp_path / "original.safetensors", hidden_size=120, about="Writes.")
    server.files["/tiny.safetensors"] = path.read_bytes()
    path.unlink()
    return server.files["/tiny.safetensors"]


@pytest.fixture
def pull(capsys):
    """Run `seqshell pull`. Returns the exit code, stdout and stderr."""

    def run(*arguments):
        code = main(["pull", *arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(server, pull):
    """Pull a path from the server: the exit code and the error, after which no file is there."""

    def run(path="/tiny.safetensors", *arguments):
        code, out, err = pull(path if not path.startswith("/") else f"{server.url}{path}", *arguments)
        assert out == ""
        assert names() == []
        line = err.splitlines()[-1]
        assert len(err.splitlines()) == 1 or err.startswith("from ")
        return code, line.removeprefix("seqshell: ").replace(server.url.removeprefix("http://"), "HOST")

    return run
