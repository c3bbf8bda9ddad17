"""What can go wrong during a download: one line each, and nothing under the final name."""

from __future__ import annotations

import numpy as np
import pytest
from filelock import FileLock

from seqshell.core import paths
from seqshell.downloads import fetching


@pytest.fixture
def changing(server, model):
    """Answer the request for the beginning with the model, and later ones with something else."""

    def change(data):
        def answer(request):
            is_start = request.headers.get("Range", "").startswith("bytes=0-")
            server.send(request, model if is_start else data)

        server.answers["/tiny.safetensors"] = answer

    return change


def test_a_server_that_sends_another_size_than_it_offered(server, model, refused, changing):
    changing(model + b"more")
    message = f"HOST now sends {len(model) + 4:,} bytes, and offered {len(model):,}; try again"
    assert refused() == (3, message)


def test_a_server_that_sends_another_beginning_than_it_offered(server, model, refused, changing):
    changing(model.replace(b"Writes.", b"Reads!!"))
    message = "tiny.safetensors: the server changed the file during the download; what arrived was removed"
    assert refused() == (3, message)


def test_a_server_that_sends_more_than_it_offered(server, model, refused, changing):
    server.says_size = False
    changing(model + b"more")
    assert refused() == (3, f"HOST sends more than the {len(model):,} bytes that it offered; try again")


def test_weights_that_are_not_finite_are_refused(server, model, refused):
    server.files["/tiny.safetensors"] = model[:-4] + np.float32(np.nan).tobytes()
    code, error = refused()
    assert code == 3
    assert error.startswith("tiny.safetensors is damaged: 1 of the ")
    assert error.endswith("; what arrived was removed")


def test_another_part_than_was_asked_for_is_refused(server, model, refused):
    def answer(request):
        request.send_response(206)
        request.send_header("Content-Range", "bytes 5-9/10" if len(server.requests) == 1 else "bytes */10")
        request.send_header("Content-Length", "0")
        request.end_headers()

    server.answers["/tiny.safetensors"] = answer
    for _ in range(2):
        assert refused() == (1, "HOST sends another part of the file than the first")


def test_a_disk_without_room_is_named_before_the_download(server, model, refused, monkeypatch):
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000})())
    code, error = refused()
    assert (code, error) == (2, f"{paths.folder('models')} has 1 kB free, and 127 kB are to be downloaded")


def test_a_file_that_another_process_downloads_is_left_alone(server, model, pull):
    folder = paths.folder("models")
    folder.mkdir(parents=True)
    with FileLock(folder / "tiny.safetensors.part.lock"):
        code, _, err = pull(f"{server.url}/tiny.safetensors")
    message = f"seqshell: {folder / 'tiny.safetensors'} is being downloaded by another process"
    assert (code, err.splitlines()[-1]) == (2, message)


def test_a_model_that_came_meanwhile_is_not_replaced(server, model, pull, changing):
    target = paths.folder("models") / "tiny.safetensors"

    def answer(request):
        if not request.headers.get("Range"):
            target.write_text("mine")
        server.send(request, model)

    server.answers["/tiny.safetensors"] = answer
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    assert (code, err.splitlines()[-1]) == (2, f"seqshell: {target} exists by now; --out NAME chooses another name")
    assert target.read_text() == "mine"


def test_what_a_server_says_does_not_control_the_terminal(server, model, refused, pull):
    server.redirect("/tiny.safetensors", "ftp://\x9b2J/\x9b31m")
    assert refused()[1].isprintable()
    server.answers["/tiny.safetensors"] = lambda request: request.wfile.write(b"HTTP/1.0 503 \x9b2J\x1b[31m\r\n\r\n")
    assert refused()[1].isprintable()
    del server.answers["/tiny.safetensors"]
    server.fields["X-Repo-Commit"] = "\x9b2J"
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    assert (code, all(line.isprintable() for line in err.splitlines())) == (0, True)
    assert "revision  '\\x9b2J'\n" in err
