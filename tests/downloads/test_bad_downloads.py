"""Downloads that cannot begin: one line each, and nothing under the final name."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from seqshell.cli import main
from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.downloads import transport
from seqshell.downloads.transport import check_url
from seqshell.testing import tiny_checkpoint


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tiny", "'tiny' is no source; write a URL, or hf:OWNER/REPO, hf:OWNER/REPO@REVISION or hf:OWNER/REPO/FILE"),
        ("https:tiny", "'https:tiny' is no source; write a URL, or hf:OWNER/REPO, hf:OWNER/REPO@REVISION or "),
        ("hf:tiny", "'hf:tiny' is no repository; write a URL, or hf:OWNER/REPO, hf:OWNER/REPO@REVISION or "),
        ("hf:a/../x", "'hf:a/../x' is no repository"),
        ("hf:a/b@/x", "'hf:a/b@/x' is no repository"),
        ("hf:a/b/c.bin", "'c.bin' is not a .safetensors file, and pull takes no others"),
        ("hf:a/b/../../c.safetensors", "'../../c.safetensors' leaves its folder"),
        ("ftp://example.org/a.safetensors", "'ftp://example.org/a.safetensors' is not a URL of https"),
        ("file:///etc/a.safetensors", "'file:///etc/a.safetensors' is not a URL of https"),
        ("https:///a.safetensors", "'https:///a.safetensors' is not a URL of https"),
        ("http://example.org/a.safetensors", "'http://example.org/a.safetensors' is not encrypted: use https"),
        ("http://localhost.example.org/a.safetensors", "'http://localhost.example.org/a.safetensors' is not encrypted"),
        ("https://[::1/a.safetensors", "'https://[::1/a.safetensors' is not a URL: "),
        ("https://a:99999/a.safetensors", "'https://a:99999/a.safetensors' is not a URL: "),
        ("https://me:pw@a.org/a.safetensors", "the URL of a.org has a user name or password, which pull does not send"),
        ("https://example.org/a.pt", "'a.pt' is not a .safetensors file, and pull takes no others"),
        ("https://example.org/a%20b.safetensors", "'a b' cannot be the name of a model; --out NAME chooses one"),
    ],
)
def test_a_source_that_is_none_is_refused_before_any_request(refused, source, message):
    code, error = refused(source)
    assert code == 2
    assert error.startswith(message)


def test_names_that_are_taken_or_none_are_refused_before_any_request(server, refused, pull, folder):
    (folder / "a.safetensors").write_text("")
    for out, message in {
        "names": f"there is a model names already, {paths.shipped() / 'names.safetensors'}; choose another name",
        "a b": "invalid name 'a b': use 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or"
        " digit",
        "./a": "a.safetensors exists already; choose another name",
        "none/a": "cannot write none/a.safetensors: there is no folder none",
    }.items():
        assert refused("/tiny.safetensors", "--out", out) == (2, message)
    assert refused("/tiny.safetensors", "--sha256", "abc") == (2, "--sha256 takes 64 hexadecimal digits, not 'abc'")
    assert server.requests == []


def test_the_environment_is_checked(server, refused, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://example.org")
    assert refused("hf:a/b") == (2, "HF_ENDPOINT: 'http://example.org' is not encrypted: use https")
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "a\nb")
    assert refused("hf:a/b") == (2, "HF_TOKEN has a character that no token has")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/tiny.safetensors", "HOST redirects in a circle"),
        ("http://example.org/a", "HOST redirects to 'http://example.org/a', which is not encrypted: use https"),
        ("ftp://example.org/a", "HOST redirects to 'ftp://example.org/a', which is not a URL of https"),
        ("file:///etc/passwd", "HOST redirects to 'file:///etc/passwd', which is not a URL of https"),
        ("https://[x", "HOST redirects to 'https://[x', which is not a URL"),
        ("", "HOST redirects to nowhere"),
    ],
)
def test_a_redirect_that_is_not_accepted(server, refused, target, message):
    server.redirect("/tiny.safetensors", target)
    code, error = refused()
    assert code == 1
    assert error.startswith(message)


def test_redirects_are_followed_a_few_times_only(server, model, refused, pull):
    def redirects(number):
        server.redirect("/first.safetensors", "/0")
        for step in range(number - 1):
            server.redirect(f"/{step}", f"/{step + 1}", 307)
        server.answers.pop(f"/{number - 1}", None)
        server.files[f"/{number - 1}"] = model

    redirects(6)
    assert refused("/first.safetensors") == (1, "HOST redirects more than 5 times")
    redirects(5)
    assert pull(f"{server.url}/first.safetensors")[0] == 0


def test_a_url_of_this_machine_is_not_reached_by_a_redirect_from_elsewhere():
    assert check_url("http://localhost/a", previous="http://127.0.0.1/b") == "http://localhost/a"
    assert check_url("https://example.org/a", previous="http://127.0.0.1/b") == "https://example.org/a"
    with pytest.raises(UsageError, match="redirects to 'http://localhost/a', which is not encrypted"):
        check_url("http://localhost/a", previous="https://example.org/b")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, "HOST does not give the file (401): it is private, or there is no such file"),
        (403, "HOST does not give the file (403): it is private, or there is no such file"),
        (404, "HOST has no such file (404)"),
        (416, "HOST has fewer bytes than it said, or the file is empty"),
        (429, "HOST takes no more requests for now (429); try again later"),
        (503, "HOST answers 503 Service Unavailable; try again later"),
    ],
)
def test_an_answer_that_is_no_file(server, refused, code, message):
    server.refuse("/tiny.safetensors", code)
    assert refused() == (1, message)


def test_a_private_repository_names_the_token(server, refused, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.refuse("/api/models/a/b/revision/main", 401, X_Error_Code="RepoNotFound")
    assert refused("hf:a/b") == (
        1,
        "HOST does not give the file (401): it is private, or there is no such file; "
        "set HF_TOKEN to a token that may read it",
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>", "HOST does not answer with JSON: "),
        (b"[" * 100_000, "HOST does not answer with JSON: it is nested too deeply"),
        (b" " * (transport.MAX_JSON + 2), "HOST does not answer with JSON: it has more than 10,000,000 bytes"),
        (b"[]", "a/b: the server's list of files is not one"),
        (b'{"siblings": 5}', "a/b: the server's list of files is not one"),
    ],
)
def test_a_list_of_files_that_is_none(server, refused, monkeypatch, data, message):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files["/api/models/a/b/revision/main"] = data
    code, error = refused("hf:a/b")
    assert (code, error.startswith(message)) == (1, True)


def as_file(header, data=b""):
    """A safetensors file with a header as it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


TENSOR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!DOCTYPE html><title>Model</title>", "HOST answers with a web page, not a model; use the address of the "),
        (b"version https://git-lfs.github.com/spec/v1\n", "HOST answers with a Git LFS pointer; use the address that "),
        (b"\x80\x04pickled", "what HOST has is not a safetensors file"),
        (b"short", "what HOST has is not a safetensors file"),
        (
            as_file(b"{" + b" " * 8_000_000)[:100],
            "the header of the file has 8,000,001 bytes; at most ",
        ),
        (as_file({"a": TENSOR})[:20], "HOST ended the file before its header did; try again"),
        (as_file(b"{]       "), "tiny: its header is not one of safetensors: "),
        (as_file({"a": {"data_offsets": [0, -1]}}), "tiny: its header is not one of safetensors: a tensor has "),
        (
            as_file({"a": {"data_offsets": [0, True]}}),
            "tiny: its header is not one of safetensors: a tensor has no end",
        ),
        (as_file({"a": 5}), "tiny: its header is not one of safetensors: "),
        (as_file({"a": {"data_offsets": [0, 2**40]}}), "tiny has 1099.5 GB; pull takes at most 50.0 GB"),
        (as_file({"a": TENSOR}, b"1234567"), "tiny is damaged on the server: it has 76 bytes there, and 73 by its "),
        (as_file({"a": TENSOR}, b"12"), "tiny is damaged on the server: it has 71 bytes there, and 73 by its "),
        (as_file({"__metadata__": {"seqshell": "{}"}}), "tiny: the header has no format"),
    ],
    ids=range(14),
)
def test_what_is_no_model_is_refused_by_its_beginning(server, refused, data, message):
    server.files["/tiny.safetensors"] = data
    for server.ranges in (True, False):
        code, error = refused()
        assert error.startswith(message)
        assert code == (1 if "ended the file" in error else 3)
    assert len(server.requests) == (4 if "ended the file" in message else 2)


def test_a_saved_session_is_not_a_model(server, refused, folder):
    tiny_checkpoint(folder / "tiny.safetensors")
    main(["-m", "./tiny.safetensors", "-c", "/feed abc", "-c", "/save ./saved.safetensors"])
    server.files["/tiny.safetensors"] = (folder / "saved.safetensors").read_bytes()
    assert refused() == (3, "tiny is a saved session, not a model; pull takes models alone")


def test_a_web_page_is_recognised_by_its_type(server, refused):
    server.files["/tiny.safetensors"] = b"Sign in to continue"
    server.fields["Content-Type"] = "text/html; charset=utf-8"
    assert refused()[1].startswith("HOST answers with a web page")


def test_a_packed_answer_is_refused(server, model, refused):
    server.fields["Content-Encoding"] = "gzip"
    assert refused() == (1, "HOST sends the file packed, as gzip")


def test_without_a_network_there_is_one_line(refused, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert refused("https://example.org/a.safetensors") == (1, "cannot reach example.org: Name or service not known")


def test_a_server_that_is_not_there_or_does_not_answer_is_named(server, refused, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setattr(transport, "TIMEOUT", 0.05)
        message = f"cannot reach localhost:{port}: no answer for 0 s"
        assert refused(f"http://localhost:{port}/a.safetensors") == (1, message)
    message = f"cannot reach localhost:{port}: Connection refused"
    assert refused(f"http://localhost:{port}/a.safetensors") == (1, message)


def test_an_answer_that_is_not_http_is_one_line(refused):
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer():
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH\x1b[2J\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        code, error = refused(f"http://127.0.0.1:{other.getsockname()[1]}/a.safetensors")
        thread.join()
    assert code == 1
    assert error.endswith("': SSH-2.0-OpenSSH^[[2J") or "SSH-2.0" in error
    assert error.isprintable()
