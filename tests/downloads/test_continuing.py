"""A download that broke off continues where it was, if the server still has the same file."""

from __future__ import annotations

import hashlib
import resource
import signal

import pytest

from seqshell.cli import main
from seqshell.core import paths
from seqshell.downloads import fetching


@pytest.fixture
def folder():
    """The models folder."""
    return paths.folder("models")


@pytest.fixture
def broken(server, model, pull, folder):
    """A download of which 50,000 bytes are there, from a server with an ETag. Returns what stderr showed."""
    server.fields.setdefault("ETag", '"one"')
    server.breaks = [50_000, 0]
    code, out, err = pull(f"{server.url}/tiny.safetensors")
    assert (code, out) == (1, "")
    return err


def downloaded(server):
    """What was asked for, without the requests for the beginning."""
    fields = [fields for _, fields in server.requests]
    return [each.get("Range") for each in fields if not each.get("Range", "").startswith("bytes=0-")]


def test_a_download_that_broke_off_says_what_is_there(server, model, broken, folder):
    last = f"127.0.0.1:{server.url.rpartition(':')[2]} ended the file early"
    assert broken.endswith(f"seqshell: {last}; 50,000 of {len(model):,} bytes are there; the same command continues\n")
    assert sorted(each.name for each in folder.iterdir()) == ["tiny.safetensors.part", "tiny.safetensors.part.json"]
    assert (folder / "tiny.safetensors.part").read_bytes() == model[:50_000]
    assert main(["models"]) == 0  # a part is no model


def test_the_same_command_continues(server, model, broken, pull, folder):
    server.requests.clear()
    code, _, err = pull(f"{server.url}/tiny.safetensors")

    assert code == 0
    assert "there     50,000 bytes, from an earlier download\n" in err
    assert downloaded(server) == ["bytes=50000-"]
    assert server.requests[-1][1]["If-Range"] == '"one"'
    assert (folder / "tiny.safetensors").read_bytes() == model
    assert sorted(each.name for each in folder.iterdir()) == ["tiny.safetensors", "tiny.safetensors.json"]


def test_a_connection_that_breaks_is_opened_again_a_few_times(server, model, pull, folder):
    server.fields["Last-Modified"] = "Sun, 29 Nov 2026 20:00:00 GMT"
    server.breaks = [20_000] * 5
    assert pull(f"{server.url}/tiny.safetensors")[0] == 0
    assert downloaded(server) == [None, *(f"bytes={number}0000-" for number in (2, 4, 6, 8, 10))]
    assert server.requests[-1][1]["If-Range"] == server.fields["Last-Modified"]
    assert (folder / "tiny.safetensors").read_bytes() == model


def test_after_six_connections_it_gives_up(server, model, pull, folder):
    server.fields["ETag"] = '"one"'
    server.breaks = [10_000] * 6
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    assert code == 1
    assert f"; 60,000 of {len(model):,} bytes are there; the same command continues\n" in err


def test_a_connection_that_breaks_in_the_middle_of_a_block_is_continued(server, model, pull, folder):
    server.fields["ETag"] = '"one"'

    def answer(request):
        if request.headers.get("Range"):
            server.send(request, model)
            return
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.send_header("ETag", '"one"')
        request.end_headers()
        request.wfile.write(b"4000\r\n" + model[:0x4000] + b"\r\n4000\r\n" + model[0x4000:0x5000])

    server.answers["/tiny.safetensors"] = answer
    assert pull(f"{server.url}/tiny.safetensors")[0] == 0
    assert (folder / "tiny.safetensors").read_bytes() == model
    assert downloaded(server) == [None, f"bytes={0x5000}-"]


def test_a_connection_that_breaks_each_time_says_why(server, model, pull, folder):
    def answer(request):
        if request.headers.get("Range"):
            server.send(request, model)
            return
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"zzz\r\n")

    server.answers["/tiny.safetensors"] = answer
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    assert code == 1
    assert " broke: " in err.splitlines()[-1]


def test_another_version_of_the_file_begins_again(server, model, broken, pull, folder):
    server.files["/tiny.safetensors"] = changed = model.replace(b"Writes.", b"Reads!!")
    server.fields["ETag"] = '"two"'
    code, _, err = pull(f"{server.url}/tiny.safetensors")

    assert (code, "from an earlier download" in err) == (0, False)
    assert (folder / "tiny.safetensors").read_bytes() == changed


def test_a_server_that_sends_the_whole_file_again_is_read_from_its_beginning(server, model, broken, pull, folder):
    server.ranges = False
    assert pull(f"{server.url}/tiny.safetensors")[0] == 0
    assert (folder / "tiny.safetensors").read_bytes() == model


def test_without_a_version_and_a_hash_it_begins_again(server, model, pull, folder):
    server.breaks = [50_000]
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    assert code == 1
    message = f"ended the file early, after 50,000 of {len(model):,} bytes"
    assert err.endswith(f"{message}; this server does not continue a download; try again\n")
    server.requests.clear()
    assert pull(f"{server.url}/tiny.safetensors")[0] == 0
    assert downloaded(server) == [None]
    assert (folder / "tiny.safetensors").read_bytes() == model


def test_with_a_hash_a_version_is_not_needed(server, model, pull, folder):
    sha256 = hashlib.sha256(model).hexdigest()
    server.breaks = [50_000, 0]
    assert pull(f"{server.url}/tiny.safetensors", "--sha256", sha256)[0] == 1
    server.requests.clear()
    assert pull(f"{server.url}/tiny.safetensors", "--sha256", sha256)[0] == 0
    assert downloaded(server) == ["bytes=50000-"]
    assert "If-Range" not in server.requests[-1][1]


def test_another_hash_or_a_damaged_plan_begins_again(server, model, broken, pull, folder):
    plan = folder / "tiny.safetensors.part.json"
    for text in ("{", "[]", "{}", "x" * 200_000):
        plan.write_text(text)
        server.requests.clear()
        server.breaks = [50_000, 0]
        assert pull(f"{server.url}/tiny.safetensors")[0] == 1
        assert downloaded(server)[0] is None
    server.breaks = []
    server.requests.clear()
    assert pull(f"{server.url}/tiny.safetensors", "--sha256", "0" * 64)[0] == 3
    assert downloaded(server) == [None]


def test_a_part_that_is_longer_than_the_file_begins_again(server, model, broken, pull, folder):
    (folder / "tiny.safetensors.part").write_bytes(model + b"more")
    assert pull(f"{server.url}/tiny.safetensors")[0] == 0
    assert (folder / "tiny.safetensors").read_bytes() == model


def test_another_part_than_was_asked_for_is_refused(server, model, broken, pull):
    def answer(request):
        if request.headers["Range"].startswith("bytes=0-"):
            server.send(request, model)
            return
        request.send_response(206)
        request.send_header("Content-Range", f"bytes 60000-{len(model) - 1}/{len(model)}")
        request.send_header("Content-Length", "0")
        request.end_headers()

    server.answers["/tiny.safetensors"] = answer
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    assert (code, err.splitlines()[-1].endswith("sends another part of the file than was asked for")) == (1, True)


def test_a_part_that_was_changed_is_found_by_the_hash_of_the_server(server, model, broken, pull, folder):
    part = folder / "tiny.safetensors.part"
    part.write_bytes(bytes(50_000))
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    assert code == 3
    assert "the server changed the file during the download; what arrived was removed" in err
    assert list(folder.iterdir()) == []


def test_a_link_in_the_place_of_the_part_is_not_followed(server, model, pull, folder, tmp_path):
    (tmp_path / "mine").write_text("mine")
    folder.mkdir(parents=True)
    (folder / "tiny.safetensors.part").symlink_to(tmp_path / "mine")
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    assert code == 2
    assert f"cannot write {folder / 'tiny.safetensors.part'}: Too many levels of symbolic links" in err
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_full_disk_keeps_what_is_there(server, model, pull, folder):
    """A limit on the size of files: the system refuses the bytes after it, as on a full disk."""
    server.fields["ETag"] = '"one"'
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, before[1]))
    try:
        code, _, err = pull(f"{server.url}/tiny.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    path = folder / "tiny.safetensors.part"
    message = f"cannot write {path}: File too large; what is there is kept; the same command continues"
    assert (code, err.splitlines()[-1]) == (2, f"seqshell: {message}")
    assert path.read_bytes() == model[: path.stat().st_size]
    assert path.stat().st_size > 0

    server.requests.clear()
    assert pull(f"{server.url}/tiny.safetensors")[0] == 0
    assert downloaded(server) == [f"bytes={70_000}-"]
    assert (folder / "tiny.safetensors").read_bytes() == model


@pytest.mark.parametrize("etag", ['"one"', ""])
def test_ctrl_c_keeps_what_is_there(server, model, pull, folder, monkeypatch, etag):
    server.fields["ETag"] = etag
    read, reads = fetching.Reply.read, []

    def stop(reply, most):
        reads.append(most)
        if len(reads) == 5:
            signal.raise_signal(signal.SIGINT)
        return read(reply, min(most, 30_000))

    monkeypatch.setattr(fetching.Reply, "read", stop)
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    size = (folder / "tiny.safetensors.part").stat().st_size
    kept = f": {size:,} of {len(model):,} bytes are there; the same command continues" if etag else ""
    assert (code, size > 0) == (130, True)
    assert err.endswith(f"seqshell: stopped{kept}\n")


def test_a_file_that_cannot_get_its_name_is_one_line(server, model, pull, folder, monkeypatch):
    def refuse(source, target):
        raise PermissionError(1, "Operation not permitted")

    replace = fetching.write_record
    monkeypatch.setattr(
        fetching, "write_record", lambda *given: (replace(*given), monkeypatch.setattr("os.replace", refuse))
    )
    code, _, err = pull(f"{server.url}/tiny.safetensors")
    message = f"seqshell: cannot write {folder / 'tiny.safetensors'}: Operation not permitted"
    assert (code, err.splitlines()[-1]) == (2, message)
    assert not (folder / "tiny.safetensors").exists()
